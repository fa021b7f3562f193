"""Makes the avatars the program ships with: films made heads in the studio, trains on the films, writes assets/avatars.

    python packaging/default_avatars.py [NAME ...] [--minutes 60] [--work out/default_avatars]

Every step is resumable; a film that lies in the work folder is not filmed again.
"""

import argparse
from dataclasses import dataclass
from pathlib import Path

from engine.console import follow
from engine.paths import ASSETS
from engine.synth.studio import studio
from engine.training.trainer import train


@dataclass(frozen=True)
class Role:
    """A made person: the identity's seed in the population, and the length of the film."""

    name: str
    identity: int
    seconds: float = 60.0


ROLES = (Role("Noa", 1),)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("names", nargs="*", help="which roles (default: all)")
    options.add_argument("--minutes", type=float, default=60, help="training time of each on this machine")
    options.add_argument("--work", type=Path, default=Path("out/default_avatars"))
    chosen = options.parse_args()
    chosen.work.mkdir(parents=True, exist_ok=True)
    for role in ROLES:
        if chosen.names and role.name not in chosen.names:
            continue
        film = chosen.work / f"{role.name}.dataset"
        if not film.is_dir():
            follow(studio(role.identity, role.seconds, film), as_json=False)
        avatar = ASSETS / "avatars" / f"{role.name}.avatar"
        avatar.parent.mkdir(parents=True, exist_ok=True)
        config = {"au_set": "shipped"}
        follow(train(film, "embedtalk", avatar, max_seconds=chosen.minutes * 60, config=config), as_json=False)


if __name__ == "__main__":
    main()

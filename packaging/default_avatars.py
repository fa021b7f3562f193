"""Makes the avatars the program ships with: films made heads in the studio, trains on the films, writes assets/avatars.

    python packaging/default_avatars.py [NAME ...] [--minutes 60] [--work out/default_avatars]

Every step is resumable; a film that lies in the work folder is not filmed again.
"""

import argparse
import shutil
from dataclasses import dataclass
from pathlib import Path

from engine.console import follow
from engine.paths import ASSETS
from engine.synth.studio import CameraMotion, studio
from engine.training.trainer import train

SETTINGS = {"au_set": "shipped", "mesh_until": 16_000, "lambda_square": 2.0, "square_last": 20.0}
TURN_S = 8.0
"""How long the camera takes for its one turn all the way round, so that the avatar has a back to its head."""


@dataclass(frozen=True)
class Role:
    """A made person of the cast, the head model it is filmed on, and the length of the film in seconds."""

    name: str
    head: str
    seconds: float = 90.0


ROLES = (Role("Noa", "ict"), Role("Iris", "house"), Role("Marlow", "ict"), Role("Teo", "ict"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="which roles (default: all)")
    parser.add_argument("--minutes", type=float, default=60, help="training time of each on this machine")
    parser.add_argument("--seconds", type=float, help="length of each film (default: the role's own)")
    parser.add_argument("--kit", type=Path, help="the folder of ICT-FaceKit (default: where the program looks for it)")
    parser.add_argument("--only-film", action="store_true", help="film, and train nothing")
    parser.add_argument("--work", type=Path, default=Path("out/default_avatars"))
    chosen = parser.parse_args()
    chosen.work.mkdir(parents=True, exist_ok=True)
    for role in ROLES:
        if chosen.names and role.name not in chosen.names:
            continue
        film = chosen.work / f"{role.name}.dataset"
        if not film.is_dir():
            seconds = chosen.seconds or role.seconds
            motion = CameraMotion(turn_at_s=0.4 * seconds, turn_s=min(TURN_S, 0.2 * seconds))
            follow(studio(role.name, seconds, film, head=role.head, kit=chosen.kit, motion=motion), as_json=False)
        if chosen.only_film:
            continue
        avatar = chosen.work / f"{role.name}.avatar"
        options = {"preset": "cpu", "config": SETTINGS}
        follow(train(film, "embedtalk", avatar, max_seconds=chosen.minutes * 60, **options), as_json=False)
        (ASSETS / "avatars").mkdir(parents=True, exist_ok=True)
        shutil.copy2(avatar, ASSETS / "avatars" / avatar.name)


if __name__ == "__main__":
    main()

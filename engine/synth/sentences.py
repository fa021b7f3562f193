"""Sentences to be spoken, from our own templates and words: varied sounds, many bilabials and round vowels."""

import numpy as np

_WHO = (
    "my brother", "the baker", "a young painter", "our neighbour", "the whole band", "her mother",
    "a patient teacher", "the ferry captain", "Bobby", "Emma", "Mr Brown", "a famous poet", "the boy with the map",
    "your uncle", "Philip",
)  # fmt: skip
_DID = (
    "bought", "packed", "found", "promised to fix", "wants to show us", "carefully moved", "forgot", "washed",
    "borrowed", "painted", "would rather keep", "dropped", "measured", "brought home", "praised",
)  # fmt: skip
_WHAT = (
    "a purple umbrella", "five warm loaves", "the old wooden boat", "a bowl of plums", "two heavy books",
    "the broken window", "a pound of fresh butter", "some very good coffee", "the blue velvet chair",
    "a small brass bell", "that beautiful shell", "a map of the moon", "three paper lamps", "a jar of honey",
    "the wrong key",
)  # fmt: skip
_WHERE = (
    "by the pond", "on Monday", "in the middle of February", "before breakfast", "under the bridge",
    "near the village pump", "at half past four", "beside the open fire", "for a few pennies",
    "while it was raining", "without a word", "on the way to work", "behind the theatre", "in about a week",
    "for the wedding",
)  # fmt: skip
_QUESTIONS = (
    "Why do you {act} so {how}?", "Could you {act} a little more {how}, please?", "Who would ever {act} that {how}?",
    "When shall we {act}, and how {how}?", "What if everybody {act}ed {how}?",
)  # fmt: skip
_ACTS = (
    "whisper", "laugh", "jump", "mumble", "answer", "walk", "cook", "push", "whistle", "wait",
)  # fmt: skip
_HOWS = (
    "loudly", "slowly", "softly", "beautifully", "often", "early", "smoothly", "boldly", "warmly", "quickly",
)  # fmt: skip
_REMARKS = (
    "Well, that is a wonderful surprise!", "Oh no, I was only joking.", "Maybe, but probably not before May.",
    "Fifty-five, fifty-six, fifty-seven, and so on.", "We saw you, but you never saw us.",
    "Good morning, and welcome to the show.", "Three free throws through the open hoop.",
    "The judge chose a huge orange chair.", "Mama made some mushroom soup.", "She sells fresh fish by the shore.",
    "I beg your pardon?", "Please put the paper cup back up there.", "You know who to call.", "Yes. No. Perhaps.",
    "How now, said the brown cow.", "Wow, look at the view from up above!", "Five brave foxes followed the river.",
    "Go home, boil some water and grow old slowly.", "Thank you both very much.",
    "A quick check, then back to the beach.",
)  # fmt: skip
_OTHER = {
    "de": (
        ("Der Bäcker", "Meine Tante", "Ein junger Maler", "Unser Nachbar", "Die Köchin"),
        ("kauft", "bringt", "malt", "sucht", "verspricht"),
        ("fünf frische Brote", "ein blaues Boot", "den alten Schlüssel", "schöne Blumen", "zwei Bücher"),
        ("am Montag", "vor dem Frühstück", "ohne ein Wort", "über der Brücke", "für die Hochzeit"),
    ),
    "fr": (
        ("Le boulanger", "Ma tante", "Un jeune peintre", "Notre voisin", "La voyageuse"),
        ("achète", "apporte", "peint", "cherche", "promet"),
        ("cinq pommes rouges", "un bateau bleu", "la vieille clé", "de belles fleurs", "deux livres"),
        ("lundi matin", "avant midi", "sans un mot", "près du pont", "pour la fête"),
    ),
    "es": (
        ("El panadero", "Mi tía", "Un joven pintor", "Nuestro vecino", "La viajera"),
        ("compra", "trae", "pinta", "busca", "promete"),
        ("cinco panes", "un barco azul", "la llave vieja", "flores bonitas", "dos libros"),
        ("el lunes", "antes de comer", "sin una palabra", "cerca del puente", "para la boda"),
    ),
}


def sentences(count: int, seed: int = 0, language: str = "en") -> list[str]:
    """`count` sentences, different as long as the templates allow (about 3,500 in English, 625 in de, fr, es)."""
    rng = np.random.default_rng(seed)
    made: dict[str, None] = {}
    tries = 0
    while len(made) < count and tries < 50 * count:
        made[_english(rng) if language == "en" else _simple(rng, _OTHER[language])] = None
        tries += 1
    listed = list(made)
    return [listed[i % len(listed)] for i in range(count)]


def _english(rng: np.random.Generator) -> str:
    kind = rng.random()
    if kind < 0.66:
        text = f"{_one(rng, _WHO)} {_one(rng, _DID)} {_one(rng, _WHAT)} {_one(rng, _WHERE)}."
        return text[0].upper() + text[1:]
    if kind < 0.82:
        return _one(rng, _QUESTIONS).format(act=_one(rng, _ACTS), how=_one(rng, _HOWS))
    return _one(rng, _REMARKS)


def _simple(rng: np.random.Generator, columns: tuple[tuple[str, ...], ...]) -> str:
    return " ".join(_one(rng, column) for column in columns) + "."


def _one(rng: np.random.Generator, options: tuple[str, ...]) -> str:
    return options[int(rng.integers(len(options)))]

"""What raters read, in English and Spanish. The label words are those of ITU-T P.800, and fixed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

Language = Literal["en", "es"]
LANGUAGES: tuple[Language, ...] = get_args(Language)


@dataclass(frozen=True, slots=True)
class Texts:
    """`labels`: 1 to 5, worst first."""

    consent: str
    fit: str
    quality: str
    labels: tuple[str, str, str, str, str]
    headphones: str
    withdrawal: str


TEXTS: Mapping[Language, Texts] = {
    "en": Texts(
        consent=(
            "You will see pictures, hear a sound with each, and say how well it fits and how good "
            "it is. Wear headphones and set the volume so that speech would be comfortable. Kept "
            "are your answers under a random number, your language, and the date: no name, no "
            "address. You may stop at any moment and go on later, or have everything that you "
            "said deleted with the code that you will be given. Do you agree?"
        ),
        fit="How well does the sound fit the picture?",
        quality="How good is the sound itself, whatever the picture shows?",
        labels=("Bad", "Poor", "Fair", "Good", "Excellent"),
        headphones="Which of the three tones is the quietest?",
        withdrawal="Keep this code: with it all your answers can be deleted.",
    ),
    "es": Texts(
        consent=(
            "Verá imágenes, oirá un sonido con cada una y dirá en qué medida encaja y qué calidad "
            "tiene. Use auriculares y ajuste el volumen como para oír una voz con comodidad. Se "
            "guardan sus respuestas con un número aleatorio, su idioma y la fecha: ni nombre ni "
            "dirección. Puede parar en cualquier momento y seguir más tarde, o hacer que se borre "
            "todo lo que ha dicho con el código que recibirá. ¿Está de acuerdo?"
        ),
        fit="¿En qué medida encaja el sonido con la imagen?",
        quality="¿Qué calidad tiene el sonido en sí, muestre lo que muestre la imagen?",
        labels=("Mala", "Mediocre", "Regular", "Buena", "Excelente"),
        headphones="¿Cuál de los tres tonos es el más débil?",
        withdrawal="Guarde este código: con él se pueden borrar todas sus respuestas.",
    ),
}

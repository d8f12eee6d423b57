"""Sentences of a small English and what they say, as terms over the places of their words.

    the girl helped a cat on the mat

    * girl 1 ; help agent 2 1 ; help theme 2 4 ; cat 4 ; on 4 7 ; * mat 7

A noun is a term with its place, a star before it where it is definite; a verb has an agent and a
theme, by their places or by name; a preposition has the noun before it and the one after it; who
claims something is the agent, and what is claimed the verb of the clause. Terms stand in the order
of the words that they are of. Passive sentences say the same with the theme first.

    sentence  = noun-phrase predicate
    predicate = verb | verb noun-phrase | "was" verb ("by" noun-phrase)? | claimed "that" sentence
    noun-phrase = name | ("a" | "the") noun (preposition noun-phrase without name)?

After N. Kim and T. Linzen, COGS (2020), arXiv:2010.05465; a grammar of our own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

NAMES = "Emma", "Liam", "Noah", "Mia"
NOUNS = "girl", "boy", "cat", "dog", "cook", "king", "box", "cake", "mat", "tree"
ALONE = "wait", "laugh", "jump", "talk"  # verbs without an object
ACTIONS = "help", "touch", "clean", "paint", "kick", "visit"
CLAIMS = "claim", "report", "answer"
PREPOSITIONS = "on", "in", "beside"
PAST = "ed"
END = ";"


@dataclass
class Sentence:
    """Words, and terms each with the place of the word that it is of.

    Attributes:
        words: of the sentence.
        terms: ``(place, words of the term)``.
    """

    words: list[str] = field(default_factory=list)
    terms: list[tuple[int, list[str]]] = field(default_factory=list)

    def say(self, *words: str) -> int:
        """Add words; returns the place of the last."""
        self.words += words
        return len(self.words) - 1

    def mean(self, place: int, *term: str) -> None:
        """Add a term of the word at a place."""
        self.terms.append((place, list(term)))

    @property
    def form(self) -> list[str]:
        """All terms in the order of their words."""
        ordered = [term for _, term in sorted(self.terms, key=lambda own: own[0])]
        return [word for term in ordered for word in (*term, END)][:-1]


@dataclass(frozen=True)
class Wanted:
    """What a sentence is to be like.

    Attributes:
        subject, object: a noun or a name that stands there; drawn where there is none.
        verb: with an object; drawn where there is none.
        passive: whether it is; drawn where nothing is said.
        on_subject, on_object: prepositions in a row after each.
        clauses: that stand in one another.
        transitive: whether there is an object; drawn where nothing is said.
    """

    subject: str = ""
    object: str = ""
    verb: str = ""
    passive: bool | None = None
    on_subject: int = 0
    on_object: int = 0
    clauses: int = 0
    transitive: bool | None = None


def sentence(draw: np.random.Generator, wanted: Wanted) -> Sentence:
    """One sentence, whatever is not wanted otherwise drawn."""
    made = Sentence()
    claims: list[tuple[str, int]] = []
    for _ in range(wanted.clauses):
        who = _noun_phrase(draw, made, "", 0)
        claim = _one(draw, CLAIMS)
        place = made.say(claim + PAST)
        made.mean(place, claim, "agent", str(place), who)
        made.say("that")
        claims.append((claim, place))
    verbs = [*(place for _, place in claims), _main(draw, made, wanted)]
    for (claim, place), verb in zip(claims, verbs[1:], strict=True):
        made.mean(place, claim, "that", str(place), str(verb))
    return made


def _main(draw: np.random.Generator, made: Sentence, wanted: Wanted) -> int:
    """A clause without further ones; returns the place of its verb."""
    asked = bool(wanted.object or wanted.verb or wanted.on_object or wanted.passive)
    transitive = asked or (draw.random() < 0.75 if wanted.transitive is None else wanted.transitive)
    passive = transitive and (draw.random() < 0.3 if wanted.passive is None else wanted.passive)
    first, second = (wanted.subject, wanted.on_subject), (wanted.object, wanted.on_object)
    subject = _noun_phrase(draw, made, *first)
    verb = wanted.verb or _one(draw, ACTIONS if transitive else ALONE)
    if passive:
        made.say("was")
    place = made.say(verb + PAST)
    if not transitive:
        made.mean(place, verb, "agent", str(place), subject)
        return place
    if passive and not (second[0] or second[1]) and draw.random() < 0.5:
        made.mean(place, verb, "theme", str(place), subject)
        return place
    if passive:
        made.say("by")
    other = _noun_phrase(draw, made, *second)
    agent, theme = (other, subject) if passive else (subject, other)
    made.mean(place, verb, "agent", str(place), agent)
    made.mean(place, verb, "theme", str(place), theme)
    return place


def _noun_phrase(draw: np.random.Generator, made: Sentence, word: str, depth: int) -> str:
    """A name or a noun with so many prepositions in a row; returns what terms call it."""
    if word in NAMES or (not word and not depth and draw.random() < 0.3):
        word = word or _one(draw, NAMES)
        made.say(word)
        return word
    place = _noun(draw, made, word)
    head = place
    for _ in range(depth):
        preposition = _one(draw, PREPOSITIONS)
        at = made.say(preposition)
        after = _noun(draw, made, "")
        made.mean(at, preposition, str(head), str(after))
        head = after
    return str(place)


def _noun(draw: np.random.Generator, made: Sentence, word: str) -> int:
    definite = draw.random() < 0.5
    word = word or _one(draw, NOUNS)
    place = made.say("the" if definite else "a", word)
    made.mean(place, *(["*"] if definite else []), word, str(place))
    return place


def _one(draw: np.random.Generator, words: Sequence[str]) -> str:
    return words[int(draw.integers(len(words)))]

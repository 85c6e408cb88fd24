"""The quiz of each lesson: five questions, four choices, each with its own explanation, and a right answer
that neither its place nor its length gives away.

A quiz is a cell of text with folded answers, `## Quiz`, in the source of its lesson. It needs no script, so
that it works in a notebook that is not trusted, in the web book and on GitHub, by mouse and by keyboard.
"""

import re
from collections import Counter

import build
import pytest
from test_prose import sentences, words

SOURCES = sorted(build.SOURCES.glob("[0-9]*.py"))  # the playground asks nothing
QUESTION = re.compile(r"^\*\*(\d)\.\*\* ", re.MULTILINE)
CHOICE = re.compile(
    r"<details><summary>([A-D])\. (.+)</summary>\n\n\*\*(Right|Wrong)\.\*\* (.+)\n\n</details>"
)


def quizzes(cells):
    """The texts of the cells that are a quiz."""
    return [cell.source for cell in cells if cell.source.startswith("## Quiz\n")]


def questions(quiz):
    """[(question, [(letter, choice, whether it is right, explanation)])]"""
    _, *parts = QUESTION.split(quiz)
    found = []
    for text in parts[1::2]:
        choices = [
            (letter, choice, verdict == "Right", why) for letter, choice, verdict, why in CHOICE.findall(text)
        ]
        found.append((text.partition("\n")[0], choices))
    return found


def order(choice):
    return re.sub(r"[^a-z0-9 ]", "", choice.lower())


def faults(quiz):
    """What is wrong with a quiz, in words."""
    asked = questions(quiz)
    found = [] if len(asked) == 5 else [f"{len(asked)} questions: five are wanted"]
    for number, (question, choices) in enumerate(asked, 1):
        texts = [choice for _, choice, _, _ in choices]
        if [letter for letter, *_ in choices] != list("ABCD"):
            found.append(f"{number}: four choices, A to D, each with its explanation, are wanted")
        if sum(right for _, _, right, _ in choices) != 1:
            found.append(f"{number}: one choice has to be right")
        if texts != sorted(texts, key=order):
            found.append(f"{number}: put the choices in alphabetical order, so that no place is preferred")
        if not question.endswith("?"):
            found.append(f"{number}: ends without a question")
        for _, choice, _, why in choices:
            if re.search(r"[$*`_<>\\]", choice):
                found.append(f"{number}: a summary shows Markdown as it is: {choice}")
            if not 1 <= len(sentences(why)) <= 3 or len(words(why)) < 8:
                found.append(f"{number}: explain in one to three sentences: {why}")
        if len({why for *_, why in choices}) < len(choices):
            found.append(f"{number}: two choices have the same explanation")
    if quiz.count("<details>") != sum(len(choices) for _, choices in asked):
        found.append("a folded answer has another form than the others")
    return found


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_each_lesson_has_a_quiz_before_its_exercises(source):
    cells = build.convert(source).cells
    found = quizzes(cells)
    assert len(found) == 1, f"{source.stem}: one cell of text begins with '## Quiz'"
    after = cells[[cell.source for cell in cells].index(found[0]) + 1]
    assert after.source.startswith("## Exercises\n"), f"{source.stem}: the quiz stands before the exercises"
    assert not faults(found[0]), f"{source.stem}\n" + "\n".join(faults(found[0]))


def test_neither_place_nor_length_gives_the_right_answer_away():
    places, longest, shortest, asked = Counter(), 0, 0, 0
    for source in SOURCES:
        for quiz in quizzes(build.convert(source).cells):
            for _, choices in questions(quiz):
                lengths = {right: [len(c) for _, c, r, _ in choices if r is right] for right in (True, False)}
                places.update(letter for letter, _, right, _ in choices if right)
                longest += lengths[True][0] > max(lengths[False])
                shortest += lengths[True][0] < min(lengths[False])
                asked += 1
    assert asked >= 85
    assert all(0.15 * asked <= places[letter] <= 0.35 * asked for letter in "ABCD"), places
    assert longest <= 0.4 * asked and shortest <= 0.4 * asked, (longest, shortest, asked)


GOOD = "## Quiz\n\n" + "\n\n".join(
    f"**{number}.** What is it?\n\n"
    + "\n".join(
        f"<details><summary>{letter}. {letter} is it</summary>\n\n"
        f"**{'Right' if letter == 'B' else 'Wrong'}.** "
        f"Of all that it might be, this is number {letter} of four.\n\n</details>"
        for letter in "ABCD"
    )
    for number in range(1, 6)
)


@pytest.mark.parametrize(
    "old, new, fault",
    [
        ("", "", None),
        ("**5.** What", "What", "questions"),
        ("**Right.**", "**Wrong.**", "one choice"),
        ("D. D is it", "D. A is that", "alphabetical"),
        ("What is it?", "It is.", "question"),
        ("A is it", "A is $it$", "Markdown"),
        ("Of all that it might be, this is number C of four.", "No.", "explain"),
        ("number C", "number D", "same explanation"),
        ("<summary>C. C is it</summary>", "", "four choices"),
    ],
)
def test_faults_of_a_quiz_are_seen(old, new, fault):
    found = faults(GOOD.replace(old, new, 1) if old else GOOD)
    assert not found if fault is None else any(fault in text for text in found), found

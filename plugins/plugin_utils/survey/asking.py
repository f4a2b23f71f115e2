"""Ask the agents: one command in each of them, which takes all its questions."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.api import UNFINISHED, ApiObject
from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.live import Lab
from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import LabError
from ansible_collections.latihan.lab.plugins.plugin_utils.common.patience import seconds
from ansible_collections.latihan.lab.plugins.plugin_utils.common.process import run
from ansible_collections.latihan.lab.plugins.plugin_utils.survey.matrices import (
    NOT_RUN,
    SurveyAnswer,
    cell,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.survey.objects import (
    CONTAINER,
    PROGRAM,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.survey.questions import SurveyQuestion

_WITHIN = 2.0
# So many agents are asked at a time, and each of them asks so much at a time.
_AGENTS, _AT_A_TIME = 32, 32
_MORE = 20.0
# What is wrong is asked again: a service takes a moment to be known everywhere, and one packet may
# be lost.
_PAUSES = (1.0, 2.0, 3.0)

Answered = list[tuple[SurveyQuestion, SurveyAnswer]]


def ask(
    lab: Lab, questions: Sequence[SurveyQuestion], pauses: Sequence[float] = _PAUSES
) -> Answered:
    """Ask everything at the same time; what isn't right is asked again after each pause.

    Args:
        lab: the lab.
        questions: the questions.
        pauses: in seconds.

    Returns:
        The questions with their answers, in their order.
    """
    answers = dict(zip(questions, _round(lab, questions), strict=True))
    for attempt, pause in enumerate(pauses, 2):
        wrong = [
            each
            for each, found in answers.items()
            if found.reason == NOT_RUN or cell(each, found).right is False
        ]
        if not wrong:
            break
        time.sleep(pause)
        again = _round(lab, wrong)
        answers |= {each: found.again(attempt) for each, found in zip(wrong, again, strict=True)}
    return [(each, answers[each]) for each in questions]


def _round(lab: Lab, questions: Sequence[SurveyQuestion]) -> list[SurveyAnswer]:
    """Ask everything once."""
    groups: dict[str, list[int]] = {}
    for number, question in enumerate(questions):
        groups.setdefault(question.agent, []).append(number)
    answers: dict[int, SurveyAnswer] = {}
    with ThreadPoolExecutor(_AGENTS) as pool:
        running = [
            (numbers, pool.submit(_ask_agent, lab, agent, [questions[n] for n in numbers]))
            for agent, numbers in groups.items()
        ]
        for numbers, future in running:
            answers |= zip(numbers, future.result(), strict=True)
    return [answers[number] for number in range(len(questions))]


def _ask_agent(lab: Lab, agent: str, questions: Sequence[SurveyQuestion]) -> list[SurveyAnswer]:
    request = {"timeout": _WITHIN, "ask": [each.request for each in questions]}
    line = json.dumps(request, separators=(",", ":")) + "\n"
    turns = -(-sum(each.times for each in questions) // _AT_A_TIME)
    limit = _MORE + _WITHIN * (turns + max(each.times for each in questions))
    stdout, trouble = _execute(lab, agent, line, limit)
    return read(stdout, trouble, len(questions))


def _execute(lab: Lab, agent: str, line: str, limit: float) -> tuple[str, str]:
    """What the agent prints, and what went wrong; by kubectl if the API's websocket fails."""
    argv = [*PROGRAM, "ask"]
    done = lab.api.execute(lab.namespace, agent, CONTAINER, argv, limit, stdin=line)
    if done.exit_code is not None or done.error.startswith(UNFINISHED):
        return done.stdout, done.error or done.stderr
    words = ["-n", lab.namespace, "exec", "-i", agent, "-c", CONTAINER, "--", *argv]
    try:
        other = run(
            lab.contract.kubectl_command(*words), check=False, timeout=seconds(limit), stdin=line
        )
    except LabError as error:
        return "", error.message
    return other.stdout, other.stderr.strip() or done.error


def read(stdout: str, trouble: str, count: int) -> list[SurveyAnswer]:
    """What an agent printed, as answers. Pure.

    Args:
        stdout: what it printed.
        trouble: what went wrong, if it printed nothing.
        count: how many questions it had.
    """
    try:
        found = [_answer(each) for each in json.loads(stdout)]
    except (ValueError, TypeError, KeyError):
        found = []
    if len(found) == count:
        return found
    said = (trouble.strip().splitlines() or ["It printed nothing."])[-1]
    return [SurveyAnswer(NOT_RUN, f"The agent does not answer: {said}")] * count


def _answer(said: ApiObject) -> SurveyAnswer:
    return SurveyAnswer(
        said["reason"], said["said"], tuple(said["seconds"]), tuple(said["answers"])
    )


def ask_until(
    lab: Lab,
    questions: Sequence[SurveyQuestion],
    done: Callable[[Answered], bool],
    within: float,
    pause: float,
) -> Answered:
    """Ask everything again and again, until it is done or the time is over.

    Args:
        lab: the lab.
        questions: the questions.
        done: whether the answers are those that were waited for.
        within: how long, in seconds.
        pause: seconds between two rounds.
    """
    ends, attempt = time.monotonic() + seconds(within), 0
    while True:
        attempt += 1
        found = [
            (question, answer.again(attempt))
            for question, answer in zip(questions, _round(lab, questions), strict=True)
        ]
        if done(found) or time.monotonic() > ends:
            return found
        time.sleep(pause)

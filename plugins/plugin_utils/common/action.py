"""The shape every action plugin of the collection shares.

The plugins work on the controller and in its own process, since a module costs 0.7 s a task and an
action plugin 0.1 s. A plugin is a class with one method; its options are read from the
DOCUMENTATION of the module file of the same name, so what ``ansible-doc`` shows is what is checked.
"""

from __future__ import annotations

import gc
import importlib
import json
from abc import abstractmethod
from collections.abc import Iterable
from functools import cache
from typing import Any

import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator, ValidationResult
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.action import ActionBase
from ansible.plugins.loader import filter_loader, test_loader

from ansible_collections.latihan.lab.plugins.plugin_utils.common import patience, refusals
from ansible_collections.latihan.lab.plugins.plugin_utils.common.collection import LAB_DEFAULTS
from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import Kind, LabError
from ansible_collections.latihan.lab.plugins.plugin_utils.common.secrets import without_passwords
from ansible_collections.latihan.lab.plugins.plugin_utils.common.surroundings import settle

_PLUGINS = "ansible_collections.latihan.lab.plugins"
# Options that depend on the lab, and the variables that say so if a task does not.
_OF_THE_LAB = {
    "contract": "lab_contract",
    "namespace": "lab_namespace",
    "replace_images": "lab_images",
    "node_label": "lab_node_label",
    "seed": "lab_seed",
    "most_nodes": "lab_most_nodes",
}


@cache
def options(module: str) -> dict[str, Any]:
    """The options that the module's DOCUMENTATION declares, as an argument_spec.

    This includes the options of the fragments that it extends.
    """
    documentation = _documented(importlib.import_module(f"{_PLUGINS}.modules.{module}"))
    spec = _spec(documentation.get("options", {}))
    for fragment in documentation.get("extends_documentation_fragment", []):
        name = fragment.rpartition(".")[2]
        shared = importlib.import_module(f"{_PLUGINS}.doc_fragments.{name}")
        spec |= _spec(_documented(shared.ModuleDocFragment)["options"])
    return spec


@cache
def lab_defaults() -> dict[str, Any]:
    """The defaults of the role ``lab``."""
    defaults: dict[str, Any] = DataLoader().load_from_file(
        str(LAB_DEFAULTS), trusted_as_template=True
    )
    return defaults


def _documented(holder: Any) -> dict[str, Any]:
    documentation: dict[str, Any] = yaml.safe_load(holder.DOCUMENTATION)
    return documentation


def _spec(documented: dict[str, Any]) -> dict[str, Any]:
    """Documented options as an argument_spec: the words differ only in ``suboptions``."""
    spec: dict[str, Any] = {}
    for name, option in documented.items():
        spec[name] = {
            key: value
            for key, value in option.items()
            if key in ("type", "elements", "required", "default", "choices", "aliases", "no_log")
        }
        if "suboptions" in option:
            spec[name]["options"] = _spec(option["suboptions"])
    return spec


def _plain(module: str, checked: ValidationResult) -> dict[str, Any]:
    """Options as plain values: Ansible tags its strings, which YAML's writer refuses to write."""
    if checked.error_messages:
        said = "; ".join(checked.error_messages)
        raise LabError(f"latihan.lab.{module}: {said}", kind=Kind.INPUT)
    try:
        plain: dict[str, Any] = json.loads(json.dumps(checked.validated_parameters))
    except TypeError as error:  # A date, say.
        raise LabError(
            f"latihan.lab.{module}: an option has a value that JSON doesn't have: {error}.",
            "Put it in quotes.",
            Kind.INPUT,
        ) from error
    return plain


def _module_of(action: type) -> str:
    """The name of the module that an action plugin belongs to."""
    return action.__module__.rpartition(".")[2]


class LabAction(ActionBase):
    """Checks the options, does the work, and turns a LabError into a failed result.

    A failed result carries ``msg`` (what and where), ``hint`` (what to do), ``latihan_error`` (the
    kind, which decides the exit code) and ``detail`` (raw output).
    """

    _supports_check_mode = True
    _requires_connection = False
    # Whether it downloads something, for which a proxy may be needed.
    _fetches = False

    def __init_subclass__(cls) -> None:
        """Load what its tasks need: Ansible loads a plugin, then forks a process for each task."""
        super().__init_subclass__()
        options(_module_of(cls))
        lab_defaults()
        # The first filter or test that is used makes Ansible load and wrap all of them, which takes
        # longer than a task that sets a fact.
        filter_loader.get("default")
        test_loader.get("defined")
        cls.prepare()
        # What is loaded stays until the end, and Python need not look through it for garbage: when
        # Ansible ends, that takes 0.2 s.
        gc.freeze()

    @classmethod
    def prepare(cls) -> None:
        """Load more of what every task of this plugin needs."""

    @abstractmethod
    def execute(self, args: dict[str, Any]) -> dict[str, Any]:
        """Do the work of the task.

        Args:
            args: the task's options, checked, with their defaults.

        Returns:
            The task's result; ``changed`` says whether anything is different now.

        Raises:
            LabError: it can't be done.
        """

    @property
    def check_mode(self) -> bool:
        """Whether the task may only say what it would do."""
        return bool(self._task.check_mode)

    def _values(self, variables: Iterable[str]) -> dict[str, Any]:
        """The values of some variables of the lab, by the variables' names.

        Defaults of the role ``lab`` are in a task's variables only if a role of its play depends on
        it, so they are read here.
        """
        known = {**lab_defaults(), **self.task_vars}
        templar = self._templar.copy_with_new_env(available_variables=known)
        # Not every value is a template, and to compile an expression that names it takes 1 ms.
        return {variable: templar.template(known[variable]) for variable in variables}

    def _of_the_lab(self, module: str) -> dict[str, Any]:
        """The lab's own values for options that the task does not set."""
        unset = {
            option: variable
            for option, variable in _OF_THE_LAB.items()
            if option in options(module) and self._task.args.get(option) is None
        }
        values = self._values(unset.values()) if unset else {}
        return {option: values[variable] for option, variable in unset.items()}

    def _choose_patience(self) -> bool:
        """Set this task's patience; returns whether it has yet to be measured."""
        chosen: object = self._values([patience.VARIABLE])[patience.VARIABLE]
        if chosen == patience.AUTO:
            chosen = (self.task_vars.get("ansible_facts") or {}).get(patience.FACT, patience.AUTO)
        patience.choose(chosen)
        return chosen == patience.AUTO

    def run(
        self, tmp: str | None = None, task_vars: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        """What Ansible calls."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        module = _module_of(type(self))
        self.task_vars: dict[str, Any] = task_vars or {}
        given = {**self._task.args, **self._of_the_lab(module)}
        checked = ArgumentSpecValidator(options(module)).validate(given)
        try:
            # Each task has a process of its own, so this changes nothing for others.
            settle(fetches=self._fetches)
            unmeasured = self._choose_patience()
            parameters = _plain(module, checked)
            with refusals.translated(*parameters.values()):
                result |= self.execute(parameters)
            if unmeasured:
                found = {patience.FACT: patience.factor()}
                result["ansible_facts"] = {**result.get("ansible_facts", {}), **found}
        except LabError as error:
            result |= _failed(error)
        return result


def _failed(error: LabError) -> dict[str, Any]:
    return {
        "failed": True,
        "msg": without_passwords(error.message),
        "hint": without_passwords(error.hint),
        "latihan_error": error.kind.value,
        "detail": without_passwords(error.detail),
    }

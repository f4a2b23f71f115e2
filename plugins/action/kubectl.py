"""Run kubectl as a person would; see the module's documentation."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ansible_collections.latihan.lab.plugins.plugin_utils.cluster import adapting, kubectl
from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.contract import prepare, read
from ansible_collections.latihan.lab.plugins.plugin_utils.common import refusals
from ansible_collections.latihan.lab.plugins.plugin_utils.common.action import LabAction
from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import LabError
from ansible_collections.latihan.lab.plugins.plugin_utils.common.process import run
from ansible_collections.latihan.lab.plugins.plugin_utils.common.surroundings import short_lived


class ActionModule(LabAction):
    """The action plugin ``latihan.lab.kubectl``."""

    @classmethod
    def prepare(cls) -> None:
        """Make what reads the contract."""
        prepare()

    def execute(self, args: dict[str, Any]) -> dict[str, Any]:
        """Check the command's manifests, then run it."""
        words = adapting.arguments([str(word) for word in args["argv"]], args["replace_images"])
        objects = [
            found
            for manifest in kubectl.manifests(words)
            for file in kubectl.manifest_files(manifest)
            for found in kubectl.check_manifest(file)
        ]
        where = [] if args["namespace"] in ("", "default") else ["-n", args["namespace"]]
        typed = shlex.join(["kubectl", *where, *words])
        extra: list[str] = []
        if self.check_mode and not kubectl.reads_only(words):
            if not kubectl.can_dry_run(words):
                return {"changed": not args["reads"], "command": typed, "skipped": True}
            extra = ["--dry-run=server"]
        contract = read(Path(args["contract"]))
        contract.require_namespace(args["namespace"])
        sent, stdin = words, ""
        if objects and adapting.makes_objects(words):
            to = adapting.Adaptation(args["replace_images"], args["node_label"], contract.worker)
            adapted = adapting.adapted(objects, to)
            # kubectl names the file in what it says, so it reads one that needs no change.
            if adapted != objects:
                sent, stdin = kubectl.without_manifests(words), _text(adapted)
        done = run(
            contract.kubectl_command(*kubectl.patient(args["timeout"]), *where, *sent, *extra),
            check=False,
            timeout=args["timeout"],
            stdin=stdin,
            env=short_lived(),
        )
        said = {
            "command": typed,
            "stdout": done.stdout,
            "stderr": done.stderr,
            "rc": done.returncode,
            "refusal": kubectl.status_object(done.stderr),
            "changed": not args["reads"] and kubectl.changed(words, done.stdout),
            "failed": False,  # else Ansible takes an expected exit code for a failure
        }
        failed = done.returncode != 0
        if failed and self.check_mode and kubectl.waits_for_others(done.stderr):
            return {**said, "changed": True}
        if failed and not args["expect_failure"]:
            error = kubectl.plain_error(done.stderr) or "it printed nothing"
            message = f"`{typed}` exited with {done.returncode}: {error}"
            raise refusals.explained(message, "", done.stderr)
        if args["expect_failure"] and not failed and not self.check_mode:
            raise LabError(f"`{typed}` should have been refused, but was not.", detail=done.stdout)
        return said


def _text(objects: Sequence[adapting.Object]) -> str:
    """Objects as one manifest."""
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}, default=str)

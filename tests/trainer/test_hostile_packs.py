# SPDX-License-Identifier: Apache-2.0
"""Members of a pack that say what none should, with sums that agree: a word about the sample, or an answer; no crash, no hang."""

import json
import re
import shutil

from forged import Forged
from support import main, rollout_files
from trainer_support import CHECKPOINT, TrainerCase

DELETE = object()


class HostileMembers(Forged, TrainerCase):
    @classmethod
    def records(cls, case):
        with open(rollout_files()[0], encoding="utf-8") as f:
            return case.write("few.json", json.load(f)[:2])

    def change(self, *path, value):
        def edit(body):
            document = json.loads(body)
            at = document
            for key in path[:-1]:
                at = at[key]
            if value is DELETE:
                del at[path[-1]]
            else:
                at[path[-1]] = value
            return json.dumps(document).encode()

        self.member(edit)

    def verbs(self):
        out = self.path("out")
        common = ("--model", CHECKPOINT, "--threads", 1, self.packed)
        training = (*common, "-o", out, "--rank", 2, "--batch", 64, "--epochs", 1)
        return {"score": common, "sft": training, "dpo": training}

    def run_all(self, says=None, codes=(0, 1, 65)):
        """Each verb; what says of the sample is said by those that read it."""
        told = []
        for verb, args in self.verbs().items():
            p = self.train_any(verb, *args)
            self.assertIn(p.returncode, codes, (verb, p.stderr[-400:]))
            told.append(p.stderr.decode("utf-8", "replace"))
            if p.returncode == 65:
                self.assertTrue(re.search("^opatrain %s: ." % verb, told[-1], re.M), told[-1])
            shutil.rmtree(self.path("out"), ignore_errors=True)
        if says is not None:
            self.assertTrue(any(says in t and self.sample in t for t in told), (says, told))

    def test_responses(self):
        ids = ("responses", "revised", "ids")
        for path, value, says in (
            (ids, "x", "without ids"), (ids, [1, 2.5], "no token"), (ids, [-1, 2], "no token"), (ids, [1 << 40], "no token"),
            (ids, [], None), (ids, [7] * 3000, "not as many weights"), (ids[:-1], [], None), (ids[:-1], DELETE, None),
            (("responses", "revised", "weights", "language"), [1], "not as many weights"),
            (("responses", "revised", "text"), 7, "text"), (("responses", "revised", "bos"), "yes", "bos"),
            (("responses",), [], None), (("prompt",), None, "no prompt"), (("prompt",), "", None),
            (("prompt",), "<image><image>", None), (("prompt",), "a\0b \ud800", None),
        ):
            self.change(*path, value=value)
            self.run_all(says)
            self.restore()

    def test_tokens_that_the_model_does_not_have(self):
        def edit(body):
            document = json.loads(body)
            document["responses"]["revised"]["ids"][1] = 31999
            return json.dumps(document).encode()

        self.member(edit)
        self.run_all("31999")

    def test_samples_of_another_version(self):
        for version in (2, 0, "1", -1):
            self.change("schema_version", value=version)
            self.run_all("schema_version")
            self.restore()

    def test_weights(self):
        for weight, says in (("x", "no number"), (None, "no number"), (1e300, "no number"), (-1, None), (0, None)):
            def edit(body):
                document = json.loads(body)
                for response in document["responses"].values():
                    for weights in response["weights"].values():
                        weights[:] = [weight] * len(weights)
                return json.dumps(document).encode()

            self.member(edit)
            self.run_all(says)
        self.member(lambda b: b.replace(b'"language": [0', b'"language": [1e999', 1))
        self.run_all("no number")

    def test_pairs_and_masks(self):
        for path, value, says in (
            (("pairs", 0, "type"), "best", "no known type"), (("pairs", 0, "chosen"), "nobody", "without its response"),
            (("pairs", 0, "weights"), "language", None), (("pairs", 0, "weights"), 7, None), (("pairs",), {}, None), (("pairs",), [], None),
            (("pairs",), [[]], None), (("pairs",), DELETE, None), (("masks",), DELETE, None), (("masks",), [], None), (("masks",), [7], None),
            (("masks", 0, "ratio"), 5, None), (("masks", 0, "ratio"), -1, None), (("masks", 0, "ratio"), "x", None),
            (("masks", 0, "seed"), "0x12345678901234", None), (("masks", 0, "seed"), "12", None), (("masks", 0, "seed"), 12, None),
            (("masks", 0, "method"), "circles", None),
        ):
            self.change(*path, value=value)
            self.run_all(says)
            self.restore()

    def test_changed_bytes(self):
        for _ in range(8):
            def edit(body):
                data = bytearray(body)
                for _ in range(3):
                    data[self.random.randrange(len(data))] = self.random.choice(b'{}[]":,\\\0 -9e\xff')
                return bytes(data)

            self.member(edit)
            self.run_all()
            self.restore()


if __name__ == "__main__":
    main()

# SPDX-FileCopyrightText: The dptdepth developers
# SPDX-License-Identifier: MPL-2.0
"""Trains the small DPT; resumes by itself, stops safely at any moment.

    train.py --state STATE --data DATA --ingredients INGREDIENTS [--task segmentation --init STATE_OF_DEPTH]

STATE gets checkpoint.pt (all it takes to go on bit for bit), best.pt, metrics.jsonl and log.txt.
"""
import argparse
import json
import math
import os
import random
import signal
import threading
import time
from dataclasses import asdict
from pathlib import Path

# Threads that wait do not spin: the generator shares the cores. Read when torch loads.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import cv2
import numpy as np
import timm.optim
import torch
import torch.nn.functional as F
from torch import nn

import data
import losses
import metrics
from model import LABELS, MODELS, Shape, build, exported, fit_positions, forward, pixels, stem, unfold, widen

ASPECTS = (1, 1, 1, 4 / 3, 16 / 9, 3 / 4)


def schedule(text: str) -> list[tuple[float, int, int]]:
    """`0.45:128:32,…`: share of the pictures seen until which it holds, edge of the square with the network's area, pictures in a batch."""
    stages = [(float(share), int(edge), int(count)) for share, edge, count in (stage.split(":") for stage in text.split(","))]
    if [share for share, *_ in stages] != sorted({share for share, *_ in stages}) or stages[-1][0] != 1:
        raise ValueError(f"{text}: the shares must rise to 1")
    return stages


def sizes(edge: int, aspect: float) -> tuple[int, int]:
    """Height and width, multiples of 32, of about the area edge² and the aspect."""
    return tuple(max(64, round(edge * k / 32) * 32) for k in (aspect**-0.5, aspect**0.5))


class Trainer:
    """The model, what is averaged and counted, and how to save and load all of it."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options, self.state = options, options.state
        torch.manual_seed(options.seed)
        self.shape = Shape.parse(options.shape)
        self.model = build(self.shape, options.task, options.ingredients if options.stem == "imagenet" else None).to(memory_format=torch.channels_last)
        # On a CPU, for so few tokens, a quarter faster than the fused kernel.
        self.model.set_attn_implementation("eager")
        stem_rate = 1.0 if options.stem == "none" else options.stem_rate
        self.frozen = stem_rate == 0
        mine = list(stem(self.model).parameters())
        for parameter in mine:
            parameter.requires_grad_(not self.frozen)
        known = {id(p) for p in mine}
        rest = [p for p in self.model.parameters() if id(p) not in known]
        # What maps channels to channels; not vectors, embeddings, and the last layer of one channel.
        matrix = lambda p: p.ndim > 1 and p.shape[0] > 1
        groups = [
            {"params": [p for p in rest if matrix(p)], "weight_decay": options.decay, "scale": 1.0},
            {"params": [p for p in rest if not matrix(p)], "weight_decay": 0.0, "scale": 1.0, "use_fallback": True},
        ]
        if not self.frozen:
            groups.append({"params": mine, "weight_decay": 0.0, "scale": stem_rate, "use_fallback": True})
        if options.optimiser == "muon":
            self.optimiser = timm.optim.Muon(groups, lr=options.rate, betas=(0.9, 0.98), nesterov=True)
        else:
            self.optimiser = torch.optim.AdamW(groups, lr=options.rate, betas=(0.9, 0.98))
        self.average = build(self.shape, options.task, None)
        self.average.load_state_dict(self.model.state_dict())
        self.average = self.average.eval().requires_grad_(False).to(memory_format=torch.channels_last)
        self.random = torch.Generator().manual_seed(options.seed)
        self.step, self.seen, self.best = 0, 0, -math.inf
        self.last_save = time.monotonic()

    def load(self) -> bool:
        """Goes on from the saved state if there is one."""
        path = self.state / "checkpoint.pt"
        if not path.exists():
            if self.options.init:
                self.start_from(self.options.init)
            return False
        saved = torch.load(path, map_location="cpu", weights_only=False)
        if saved["shape"] != asdict(self.shape) or saved["task"] != self.options.task:
            raise SystemExit(f"{path} holds another model: give its --shape and --task, or another --state")
        self.model.load_state_dict(saved["model"])
        self.average.load_state_dict(saved["average"])
        self.optimiser.load_state_dict(saved["optimiser"])
        self.random.set_state(saved["random"])
        torch.set_rng_state(saved["torch"])
        np.random.set_state(saved["numpy"])
        random.setstate(saved["python"])
        self.step, self.seen, self.best = saved["step"], saved["seen"], saved["best"]
        return True

    def start_from(self, folder: Path) -> None:
        """Takes over another training's averaged weights, or an exported model's: stem, encoder, decoder, and of the same task
        the head. Layers that are wider here are widened."""
        own = self.model.state_dict()
        if (folder / "checkpoint.pt").exists():
            saved = torch.load(folder / "checkpoint.pt", map_location="cpu", weights_only=False)
            task, tensors = saved["task"], saved["average"]
        else:
            theirs = exported(folder)
            task = next(task for task, kind in MODELS.items() if isinstance(theirs, kind))
            size = (theirs.config.image_size,) * 2
            some = self.reader.batch(0, 0, 64, size, False)["rgb"]
            tensors = unfold(theirs, pixels(torch.from_numpy(some))) if self.shape.norm else theirs.state_dict()
        same = task == self.options.task
        fit_positions(self.model, tensors)
        taken = {
            k: widen(own[k], v)
            for k, v in tensors.items()
            if k in own and all(new >= old for new, old in zip(own[k].shape, v.shape, strict=True)) and (same or not k.startswith("head."))
        }
        for target in (self.model, self.average):
            target.load_state_dict(taken, strict=False)
        self.say(f"{len(taken)} of {len(own)} tensors from {folder}")

    def save(self, name: str = "checkpoint.pt") -> None:
        """Writes everything under a temporary name, then renames: a stop in between loses nothing."""
        saved = {
            "task": self.options.task, "shape": asdict(self.shape), "step": self.step, "seen": self.seen, "best": self.best,
            "model": self.model.state_dict(), "average": self.average.state_dict(),
            "optimiser": self.optimiser.state_dict(), "random": self.random.get_state(),
            "torch": torch.get_rng_state(), "numpy": np.random.get_state(), "python": random.getstate(),
        }
        temporary = self.state / f".{name}"
        with temporary.open("wb") as file:
            torch.save(saved, file)
            file.flush()
            os.fsync(file.fileno())
        temporary.rename(self.state / name)
        self.last_save = time.monotonic()

    def say(self, line: str) -> None:
        print(line, flush=True)
        with (self.state / "log.txt").open("a") as log:
            log.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {line}\n")

    def plan(self, window: data.Window):
        """Endless (what the step is, how to make its batch); a pure function of step and pictures seen."""
        step, seen, options = self.step, self.seen, self.options
        while seen < options.pictures:
            edge, count = next((e, n) for share, e, n in options.schedule if seen < share * options.pictures)
            chance = random.Random(options.seed * 1_000_003 + step)
            size = sizes(edge, chance.choice(ASPECTS))
            pairs = options.task == "depth" and chance.random() < options.pairs
            consumed = seen
            seen += count
            yield (step, seen, pairs), lambda a=(step, consumed, count // 2 if pairs else count, size, pairs): (
                self.reader.batch(*a)
            )
            step += 1

    def learn(self, batch: dict[str, np.ndarray]) -> dict[str, float]:
        """One step; the loss's terms."""
        options = self.options
        rate = options.rate * min(1, (self.step + 1) / options.warmup)
        rate *= 0.5 + 0.5 * math.cos(math.pi * min(1, self.seen / options.pictures))
        for group in self.optimiser.param_groups:
            group["lr"] = rate * group["scale"] + 1e-7
        batch = {name: torch.from_numpy(np.ascontiguousarray(value)) for name, value in batch.items()}
        rgb = torch.cat((batch["rgb"], batch["rgb_next"])) if "grid" in batch else batch["rgb"]
        self.model.train()
        stem(self.model).train(options.stem == "none")
        with torch.autocast("cpu", torch.bfloat16, enabled=not options.float32):
            style = (2 if "grid" in batch else 1, self.random) if options.restyle else None
            output = forward(self.model, pixels(rgb), raw=True, frozen=self.frozen, style=style).float()
        if options.task == "depth":
            # Below zero the exported model is flat; here it keeps a slope so that nothing dies.
            terms = losses.depth_loss(F.leaky_relu(output, 0.05), batch, vars(options), self.random)
        else:
            terms = losses.class_loss(output, batch["labels"].long(), vars(options))
        self.optimiser.zero_grad(set_to_none=True)
        sum(terms.values()).backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimiser.step()
        # The average looks back over the last tenth at first, then over about 1/(1 - ema) steps.
        keep = min(options.ema, self.step / (self.step + 10))
        with torch.no_grad():
            for old, new in zip(self.average.state_dict().values(), self.model.state_dict().values(), strict=True):
                if old.dtype.is_floating_point:
                    old.lerp_(new, 1 - keep)
                else:
                    old.copy_(new)
        return {name: float(term.detach()) for name, term in terms.items()}

    @torch.inference_mode()
    def measure(self) -> dict[str, float]:
        """The averaged weights on held-out pictures, at the model's size."""
        rows, confusion = [], metrics.Confusion(len(LABELS))
        square = (self.shape.size, self.shape.size)
        for held in held_out(self.options.data / "held-out", self.options.held_out):
            rgb = np.stack([cv2.resize(one, square, interpolation=cv2.INTER_AREA) for one in held["rgb"]])
            with torch.autocast("cpu", torch.bfloat16, enabled=not self.options.float32):
                output = forward(self.average, pixels(torch.from_numpy(rgb))).float()
            if self.options.task == "depth":
                output = F.interpolate(output[:, None], held["inverse"].shape[1:], mode="bilinear")[:, 0]
                pairs = zip(output.numpy(), held["inverse"], strict=True)
                rows += [metrics.depth(p, t.astype(np.float32)) for p, t in pairs]
            else:
                predicted = F.interpolate(output, held["labels"].shape[1:], mode="bilinear").argmax(1)
                confusion.add(predicted.numpy(), held["labels"])
        if self.options.task == "depth":
            return metrics.mean(rows)
        ious = confusion.ious()
        return {"miou": float(np.nanmean(ious))} | {n: float(v) for n, v in zip(LABELS, ious, strict=True) if v == v}


def held_out(folder: Path, count: int):
    """Batches of 16 held-out pictures."""
    left = count
    for path in sorted(folder.glob("*.safetensors")):
        tensors = data.shard(path)
        for begin in range(0, min(left, len(tensors["rgb"])), 16):
            yield {k: np.array(tensors[k][begin : begin + 16]) for k in ("rgb", "inverse", "labels", "kind")}
        left -= len(tensors["rgb"])
        if left <= 0:
            return


def run(options: argparse.Namespace) -> None:
    options.state.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(options.threads)
    cv2.setNumThreads(1)
    held = options.data / "held-out"
    count = math.ceil(options.held_out / data.SHARD) * data.SHARD
    if not options.no_generator and len(list(held.glob("*.safetensors"))) * data.SHARD < count:
        print("making the held-out pictures", flush=True)
        if data.generate(held, data.HELD_OUT, count, 256, False, options.generator).wait():
            raise SystemExit(f"the generator failed: see {held / 'generator.log'}")
    trainer = Trainer(options)
    producer = None if options.no_generator else data.Producer(options.data, 256, options.generator)
    window = data.Window(options.initial, options.shards, options.reuse)
    trainer.reader = data.Reader(options.data, window, options.seed, producer, options.without)
    went_on = trainer.load()
    trainer.say(f"{'going on at' if went_on else 'starting with'} step {trainer.step}, {trainer.seen} pictures seen, {options}")
    stop = trainer.reader.cancelled
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        learn(trainer, window, producer, stop)
    except data.Stopped:
        pass  # while waiting for a shard: nothing was learned since the last whole step
    trainer.save()
    if producer:
        producer.stop()
    trainer.say(f"saved at step {trainer.step}, {trainer.seen} of {options.pictures} pictures seen")


def learn(trainer: Trainer, window: data.Window, producer: data.Producer | None, stop: threading.Event) -> None:
    """Steps, lines, measurements and saves, until all pictures are seen or `stop` is set."""
    options = trainer.options
    began, seen_then, terms = time.monotonic(), trainer.seen, {}
    for (_, seen, _), batch in data.prefetch(trainer.plan(window)):
        for name, value in trainer.learn(batch).items():
            terms.setdefault(name, []).append(value)
        trainer.step, trainer.seen = trainer.step + 1, seen
        if trainer.step % options.log_every == 0:
            speed = (trainer.seen - seen_then) / (time.monotonic() - began)
            left = (options.pictures - trainer.seen) / speed / 60
            shown = " ".join(f"{name} {np.mean(values):.4f}" for name, values in terms.items())
            trainer.say(f"step {trainer.step} seen {trainer.seen} {shown} | {speed:.1f} pictures/s, {left:.0f} min left")
            began, seen_then, terms = time.monotonic(), trainer.seen, {}
        if trainer.step % options.measure_every == 0 or trainer.seen >= options.pictures:
            found = trainer.measure()
            trainer.say("held out: " + " ".join(f"{name} {value:.4f}" for name, value in found.items()))
            with (options.state / "metrics.jsonl").open("a") as file:
                file.write(json.dumps({"step": trainer.step, "seen": trainer.seen, **found}) + "\n")
            figure = found.get("delta", found.get("miou", 0.0))
            if figure > trainer.best:
                trainer.best = figure
                trainer.save("best.pt")
            began, seen_then = time.monotonic(), trainer.seen
        stopping = stop.is_set() or trainer.step == options.stop_at
        if stopping or time.monotonic() - trainer.last_save > options.save_minutes * 60:
            trainer.save()
            if producer:
                producer.forget(window.at(trainer.seen)[0])
        if stopping:
            return


def parser() -> argparse.ArgumentParser:
    found = argparse.ArgumentParser(description=__doc__.splitlines()[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    add = found.add_argument
    add("--state", type=Path, required=True, help="folder of this training")
    add("--data", type=Path, required=True, help="folder of the shards; held-out/ below it")
    add("--ingredients", type=Path, required=True, help="where ingredients.py put the stem")
    add("--task", choices=("depth", "segmentation"), default="depth")
    add("--init", type=Path, help="folder of a state or of an exported model to take weights from at the first start")
    add("--shape", default="", help="such as width=160,blocks=4,fusion=64 (model.Shape)")
    add("--pictures", type=int, default=1_500_000, help="to see in all")
    add("--seed", type=int, default=1)
    add("--optimiser", choices=("muon", "adamw"), default="muon", help="adamw wants a --rate of 8e-4")
    add("--rate", type=float, default=2e-3)
    add("--stem", choices=("imagenet", "none"), default="imagenet", help="none: from random weights, for comparison; it learns as the rest does")
    add("--stem-rate", type=float, default=0.0, help="the stem's share of the learning rate; 0: frozen")
    add("--decay", type=float, default=0.03)
    add("--warmup", type=int, default=300, help="steps")
    add("--ema", type=float, default=0.9995)
    add("--gradient", type=float, default=0.4, help="weight of gradient matching")
    add("--ranking", type=float, default=0.1, help="weight of the order of point pairs")
    add("--consistency", type=float, default=0.3, help="weight of agreement between frames")
    add("--overlap", type=float, default=0.5, help="weight of intersection over union, in segmentation")
    add("--schedule", type=schedule, default="0.45:128:32,0.85:192:20,1:224:16", help="share of the pictures seen until which it holds : edge : pictures in a batch, …")
    add("--pairs", type=float, default=0.2, help="share of batches made of pairs of frames")
    add("--without", type=lambda text: tuple(text.split(",")), default=(), metavar="KIND,…", help=f"leave out these kinds of scenes, of {', '.join(data.KINDS)}")
    add("--restyle", type=int, default=0, help="1: move the statistics of the stem's features at random (worse, see README.md); 0: do not")
    add("--float32", action="store_true", help="no bfloat16")
    add("--threads", type=int, default=2)
    add("--generator", default=data.GENERATOR, help="its command")
    add("--no-generator", action="store_true", help="only the shards that are there")
    add("--initial", type=int, default=40, help="shards to have before starting")
    add("--shards", type=int, default=96, help="kept on disk, 130 MB each on average")
    add("--reuse", type=float, default=8, help="times a picture is seen, about, before a new one comes")
    add("--held-out", type=int, default=512, help="pictures")
    add("--log-every", type=int, default=50, help="steps")
    add("--measure-every", type=int, default=1000, help="steps")
    add("--save-minutes", type=float, default=4)
    add("--stop-at", type=int, help="step after which to save and end")
    return found


if __name__ == "__main__":
    run(parser().parse_args())

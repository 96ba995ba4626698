"""Lightning's Trainer, from the keys of the config; what our training cannot do with it is refused before any work."""

import inspect
import math
from collections.abc import Mapping
from typing import Any

import pytorch_lightning as pl
import torch
from lightning_fabric.plugins.environments.lightning import LightningEnvironment
from lightning_fabric.utilities.exceptions import MisconfigurationException
from pytorch_lightning.strategies import DDPStrategy, SingleDeviceStrategy, Strategy

from libelle.components import check_arguments
from libelle.errors import UserError
from libelle.models.base import Training

#: Arguments of the Trainer that are not keys of the config → where their place is.
_OURS = {
    "logger": "loggers are nodes of the group logger",
    "callbacks": "callbacks are nodes of the group callbacks",
    "default_root_dir": "files are kept with the run",
    "enable_checkpointing": "~callbacks.checkpoint takes checkpoints out",
    "enable_progress_bar": "~callbacks.progress_bar takes the progress bar out",
    "enable_model_summary": "there is none",
    "barebones": "a run needs its callbacks and loggers",
    "num_nodes": "a run trains on the devices of one machine",
    "plugins": "there are none",
}
#: The strategies. Both are one device or DDP, by the number of devices.
_STRATEGIES = ("auto", "ddp")
#: What nothing is trained, or validated, with.
_AT_LEAST_ONE = ("max_epochs", "max_steps", "accumulate_grad_batches", "check_val_every_n_epoch")
#: Where `max_epochs` is open: as many epochs as show the network so many rows, between a least and a greatest number.
#: Large sets are learnt in few epochs; more of them only cost time.
_ROWS_SEEN, _EPOCHS = 100_000, (2, 8)
#: Epochs at most where time ends them.
_ENDLESS = 1000
#: What Lightning calls a GPU.
_GPU = ("gpu", "cuda")
_ABOVE_ZERO = ("limit_train_batches", "limit_val_batches", "val_check_interval")


def make_trainer(training: Training, rows: int = 1, strategy: Strategy | None = None) -> pl.Trainer:
    """Make the Trainer of a run.

    Args:
        training: the keys of the config, callbacks and loggers.
        rows: training rows, which decide the number of epochs where no key does; they are not known before the data are
            read, and a wrong key is refused before.
        strategy: of a process that is one of several; None for a trainer on one device, or one that only says how many
            devices there are.

    Raises:
        UserError: names the key that is unknown or wrong, or says what Lightning refuses.
    """
    values = _check_keys(training.trainer)
    if strategy is not None:
        values |= {"strategy": strategy, "use_distributed_sampler": False}  # batches are shared by row
    values.setdefault("max_epochs", _epochs(values, rows))
    try:
        trainer = pl.Trainer(
            **values,
            callbacks=list(training.callbacks),
            logger=list(training.loggers),
            default_root_dir=training.folder,
            enable_progress_bar=any(isinstance(c, pl.callbacks.ProgressBar) for c in training.callbacks),
            enable_checkpointing=any(isinstance(c, pl.callbacks.Checkpoint) for c in training.callbacks),
            enable_model_summary=False,
            # Slurm or torchrun may have started the command; its processes are its own.
            plugins=None if strategy else [LightningEnvironment()],
        )
    except (TypeError, ValueError, ImportError, RuntimeError, MisconfigurationException) as error:
        raise refused(error) from error
    _check_trainer(trainer)
    return trainer


def refused(error: Exception) -> UserError:
    """The sentence for what Lightning refuses."""
    said = " ".join(str(error).split()).rstrip(".")
    return UserError(f"trainer: Lightning refuses these settings ({said}); see the keys under trainer.")


def _check_keys(keys: Mapping[str, Any]) -> dict[str, Any]:
    known = [name for name in inspect.signature(pl.Trainer).parameters if name not in _OURS]
    for name in keys:
        if name in _OURS:
            raise UserError(f"trainer.{name} is not for the config: {_OURS[name]}; leave it out.")
        if name not in known:
            raise UserError(f"trainer.{name} is not a key of Lightning's Trainer; its keys are {', '.join(known)}.")
    values = check_arguments(pl.Trainer, keys, "trainer")
    strategy = values.pop("strategy", "auto")
    if strategy not in _STRATEGIES:
        raise UserError(
            f"trainer.strategy={strategy} is none that networks are trained by; it is ddp, or auto, which is ddp where "
            "trainer.devices are several."
        )
    if (kind := values.get("accelerator")) in _GPU and not torch.accelerator.is_available():
        raise UserError(f"trainer.accelerator={kind}: torch finds no GPU on this machine; set trainer.accelerator=cpu.")
    if values.get("overfit_batches"):
        raise UserError(
            f"trainer.overfit_batches={values['overfit_batches']} would replace the order of the training rows; leave "
            "it out, and train on few batches with trainer.limit_train_batches."
        )
    endless = {"max_epochs", "max_steps"}
    for name in _AT_LEAST_ONE:
        value = values.get(name)
        if value is not None and value < 1 and not (name in endless and value == -1):
            raise UserError(f"trainer.{name}={value} trains nothing; give it at least 1.")
    for name in _ABOVE_ZERO:
        value = values.get(name)
        if isinstance(value, int | float) and value <= 0:
            raise UserError(f"trainer.{name}={value} leaves nothing to train or to validate with; give it more than 0.")
    return values


def _epochs(values: Mapping[str, Any], rows: int) -> int:
    """The number of epochs where no key names it: -1, for no end, where there are steps to end training."""
    if values.get("max_steps", -1) > 0:
        return -1
    if values.get("max_time") is not None:
        return _ENDLESS
    least, greatest = _EPOCHS
    return min(max(round(_ROWS_SEEN / rows), least), greatest)


def _check_trainer(trainer: pl.Trainer) -> None:
    if trainer.max_epochs == -1 and trainer.max_steps == -1:
        raise UserError(
            "trainer.max_epochs=-1 is training without an end, towards which the learning rate falls; give "
            "trainer.max_epochs or trainer.max_steps, and let early stopping or trainer.max_time end it before."
        )
    if not isinstance(trainer.strategy, SingleDeviceStrategy | DDPStrategy):
        kind = type(trainer.accelerator).__name__
        raise UserError(
            f"trainer.accelerator: networks are not trained on a {kind}; set trainer.accelerator=cpu or gpu."
        )


def refuse_unvalidated(trainer: pl.Trainer, batches: int) -> None:
    """Refuse a training that ends before its first validation, which chooses the best epoch.

    Args:
        trainer: of the run.
        batches: of all training rows.

    Raises:
        UserError: says what to change.
    """
    limit, interval, every = trainer.limit_train_batches, trainer.val_check_interval, trainer.check_val_every_n_epoch
    epoch = min(batches, limit) if isinstance(limit, int) else int(batches * limit)
    if epoch < 1 or not isinstance(interval, int | float):
        return  # Lightning refuses an empty epoch; an interval of time is met when training ends, too
    within = interval if isinstance(interval, int) else max(1, int(epoch * interval))
    first = within if every is None else (every - 1) * epoch + within
    planned = _planned_batches(trainer, epoch)
    if planned < first or (every is not None and within > epoch):
        raise UserError(
            f"trainer: an epoch has {epoch} batches, and {planned} of them are trained without a validation, which "
            "chooses the best epoch; raise trainer.max_epochs or trainer.max_steps, or lower "
            "trainer.check_val_every_n_epoch or trainer.val_check_interval."
        )


def _planned_batches(trainer: pl.Trainer, epoch: int) -> int:
    """Batches until `max_epochs` or `max_steps` are reached, whichever comes first; one of them is set."""
    assert trainer.max_epochs is not None
    ends = [trainer.max_epochs * epoch] if trainer.max_epochs > 0 else []
    if trainer.max_steps > 0:
        together = trainer.accumulate_grad_batches
        epochs, steps = divmod(trainer.max_steps, math.ceil(epoch / together))
        ends.append(epochs * epoch + steps * together)
    return min(ends)

"""What a trained network computes in torch."""

import numpy as np
import torch

from libelle.features import Features, Floats
from libelle.models.batches import make_batch
from libelle.models.paths import PathsModel
from libelle.models.paths_network import PathsNetwork
from libelle.models.stored_weights import exact


def network_of(model: PathsModel) -> PathsNetwork:
    """The whole network of a trained model, with the weights that it scores with."""
    network = model.network(model.shape_, model.classes_)
    network.load_state_dict({name: torch.from_numpy(array) for name, array in exact(model.weights_).items()})
    return network.eval()


def scored_by_network(model: PathsModel, features: Features) -> Floats:
    """Probabilities, float32 [rows, classes]."""
    with torch.inference_mode():
        return torch.softmax(network_of(model)(make_batch(features, np.arange(features.rows))), dim=1).numpy()

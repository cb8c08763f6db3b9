"""Population based training of a reinforcement-learning agent, against fixed settings by random search.

Needs gymnasium (`pip install "tunesmith[rl]"`). The agent is an actor-critic in NumPy on Acrobot, trained by
PPO (Schulman et al. 2017, arXiv 1707.06347) in eight environments at once: it learns to swing two links up,
in as few steps as it can. Learning rate, entropy bonus, discount, lambda, clipping and passes are tuned over
wide ranges: by PBT while it trains, and by random search, which is given as many environment steps, and of
which the best training counts.

    python examples/pbt_acrobot.py --seeds 3
"""

import argparse
import io
import tempfile
from pathlib import Path

import gymnasium
import numpy as np

import tunesmith as ts

ENVS, STEPS, ROLLOUT, HIDDEN = 8, 500, 50, 32
FRESH = 32  # environments in which the agents are compared at last
ACTIONS, SCALE = 3, np.array([1.0, 1.0, 1.0, 1.0, 0.25, 0.15])  # of the six numbers of a state
INTERVAL = 1  # epochs between two comparisons
SPACE = {
    "rate": ts.Float(1e-5, 1.0, log=True),
    "entropy": ts.Float(1e-5, 1.0, log=True),
    "horizon": ts.Float(20, 500, log=True),  # 1 / (1 - discount)
    "lambda_": ts.Float(0.5, 1.0),
    "clip": ts.Float(0.02, 1.0, log=True),
    "passes": ts.Int(1, 8),
}


class Agent:
    """Policy and value on one hidden layer: `w` (7, H), `v` (H, 4), of which the last column is the value."""

    def __init__(self, data=None, seed=0):
        rng = np.random.default_rng(seed)
        w = rng.normal(size=(len(SCALE) + 1, HIDDEN)) / 2.0
        v = rng.normal(size=(HIDDEN, ACTIONS + 1)) * ([0.01] * ACTIONS + [0.1])
        self.theta = [w, v]
        self.moments = [np.zeros_like(w), np.zeros_like(v), np.zeros_like(w), np.zeros_like(v)]
        self.updates = 0
        if data is not None:
            kept = np.load(io.BytesIO(data))
            arrays = [kept[f"arr_{i}"] for i in range(6)]
            self.theta, self.moments, self.updates = arrays[:2], arrays[2:], int(kept["updates"])

    def as_bytes(self, epoch):
        buffer = io.BytesIO()
        np.savez(buffer, *self.theta, *self.moments, updates=self.updates, epoch=epoch)
        return buffer.getvalue()

    def __call__(self, states):
        """Inputs, hidden activations, probabilities of the actions, values."""
        inputs = np.concatenate([states * SCALE, np.ones((*states.shape[:-1], 1))], axis=-1)
        hidden = np.tanh(inputs @ self.theta[0])
        out = hidden @ self.theta[1]
        logits = out[..., :ACTIONS] - out[..., :ACTIONS].max(-1, keepdims=True)
        shares = np.exp(np.clip(logits, -30, 0))
        return inputs, hidden, shares / shares.sum(-1, keepdims=True), out[..., ACTIONS]

    def learn(self, states, actions, advantages, returns, weights, old, params):
        """A step of Adam along the gradient of PPO's clipped gain, the value's error and the entropy."""
        inputs, hidden, shares, values = self(states)
        total = max(weights.sum(), 1.0)
        chosen = np.eye(ACTIONS)[actions]
        ratio = (shares * chosen).sum(-1) / old
        clipped = np.where(advantages > 0, ratio > 1 + params["clip"], ratio < 1 - params["clip"])
        by_logits = np.where(clipped, 0.0, -advantages * ratio)[..., None] * (chosen - shares)
        logs = np.log(np.clip(shares, 1e-8, 1))
        entropy = -(shares * logs).sum(-1, keepdims=True)
        by_logits += params["entropy"] * shares * (logs + entropy)
        by_out = np.concatenate([by_logits, (values - returns)[..., None]], axis=-1)
        by_out *= (weights / total)[..., None]
        by_hidden = (by_out @ self.theta[1].T) * (1 - hidden**2)
        slopes = [
            inputs.reshape(-1, inputs.shape[-1]).T @ by_hidden.reshape(-1, HIDDEN),
            hidden.reshape(-1, HIDDEN).T @ by_out.reshape(-1, ACTIONS + 1),
        ]
        self.updates += 1
        for k, slope in enumerate(slopes):
            first, second = self.moments[k], self.moments[k + 2]
            first += 0.1 * (slope - first)
            second += 0.001 * (slope**2 - second)
            bias = (1 - 0.9**self.updates, 1 - 0.999**self.updates)
            self.theta[k] -= params["rate"] * (first / bias[0]) / (np.sqrt(second / bias[1]) + 1e-8)


def play(agent, seed, params=None, envs=ENVS):
    """An epoch of `STEPS` steps in each environment, learning when there are params; the steps that it took
    each time to swing up."""
    rng = np.random.default_rng([seed, 1])
    world = gymnasium.make_vec("Acrobot-v1", num_envs=envs, vectorization_mode="sync")
    states, _ = world.reset(seed=seed)
    ended, swings, batch = np.zeros(envs, dtype=bool), 0, []
    for _ in range(STEPS):
        _, _, shares, values = agent(states)
        above = rng.random((envs, 1)) > np.cumsum(shares, axis=-1)
        actions = np.minimum(above.sum(-1), ACTIONS - 1)
        after, rewards, terminated, truncated, _ = world.step(actions)
        swings += int((terminated & ~ended).sum())
        batch.append((states, actions, rewards, values, terminated, ~ended))
        ended, states = terminated | truncated, after  # the step after an end resets, and teaches nothing
        if params is not None and len(batch) == ROLLOUT:
            improve(agent, batch, agent(states)[3], params)
            batch = []
    world.close()
    return envs * STEPS / (envs + swings)


def improve(agent, batch, bootstrap, params):
    states, actions, rewards, values, terminated, counted = (np.array(x) for x in zip(*batch, strict=True))
    discount = 1.0 - 1.0 / params["horizon"]
    scale = 1.0 / params["horizon"]  # returns of one size, whatever the discount
    advantages, ahead, following = np.zeros(values.shape), np.zeros(len(bootstrap)), bootstrap
    for t in reversed(range(len(batch))):
        alive = (1.0 - terminated[t]) * counted[t]
        gain = rewards[t] * scale + discount * following * alive - values[t]
        ahead = gain + discount * params["lambda_"] * alive * ahead
        advantages[t], following = ahead, values[t]
    returns = advantages + values
    spread = advantages[counted].std() + 1e-6
    advantages = (advantages - advantages[counted].mean()) / spread
    old = np.take_along_axis(agent(states)[2], actions[..., None], axis=-1)[..., 0]
    for _ in range(params["passes"]):
        agent.learn(states, actions, advantages, returns, counted.astype(float), old, params)


def training(epochs, seed):
    """An objective: trains an agent under a trial's parameters, from its checkpoint if there is one."""

    def train(trial):
        data = trial.load_checkpoint()
        agent = Agent(data, seed)
        epoch = 0 if data is None else int(np.load(io.BytesIO(data))["epoch"])
        score = 0.0
        while epoch < epochs:
            epoch += 1
            score = play(agent, 1000 * seed + epoch, trial.params)
            trial.save_checkpoint(agent.as_bytes(epoch), step=epoch)
            trial.report(score, epoch)
        trial.set_user_attr("played", play(agent, 10**6 + seed, envs=FRESH))
        return score

    return train


def compare(seed, population, epochs, folder, verbose=False):
    """The steps of a swing-up, in fresh episodes, with what PBT and random search have found."""
    common = {
        "fidelity": ts.Fidelity("epoch", 1, epochs),
        "storage": Path(folder) / "studies.db",
        "seed": seed,
        "quiet": True,
    }
    pbt = ts.tune(
        training(epochs, seed),
        SPACE,
        scheduler=ts.PBT(population=population, interval=INTERVAL, quantile=0.25),
        name=f"pbt-{seed}",
        **common,
    )
    spent = sum(len(trial.reports) for trial in pbt.trials)
    fixed = ts.tune(
        training(epochs, seed),
        SPACE,
        searcher="random",
        n_trials=-(-spent // epochs),  # as many environment steps, rounded up
        name=f"random-{seed}",
        **common,
    )
    if verbose:
        print([round(t.user_attrs["played"]) for t in pbt.trials if "played" in t.user_attrs])
        print([round(t.user_attrs["played"]) for t in fixed.trials])
        print(spent, pbt.best_params, fixed.best_params)
    return tuple(study.best_trial.user_attrs["played"] for study in (pbt, fixed)), pbt


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--population", type=int, default=8)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--verbose", action="store_true")
    options = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(options.seeds):
            row, _ = compare(seed, options.population, options.epochs, folder, verbose=options.verbose)
            rows.append(row)
            print(f"seed {seed}: pbt {row[0]:.0f} steps, best fixed settings {row[1]:.0f}", flush=True)
    gains = np.array(rows)[:, 0] - np.array(rows)[:, 1]
    means = np.mean(rows, axis=0)
    error = gains.std(ddof=1) / np.sqrt(len(gains)) if len(gains) > 1 else float("nan")
    print(f"mean: pbt {means[0]:.0f}, fixed {means[1]:.0f}; difference {gains.mean():.0f} ± {error:.0f}")


if __name__ == "__main__":
    main()

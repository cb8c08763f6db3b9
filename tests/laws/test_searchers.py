"""One line a method: the laws ship in `tunesmith.testing`."""

from tunesmith.search.auto import AutoSearcher
from tunesmith.search.bandit import BanditSearcher
from tunesmith.search.bohb import BOHBSearcher
from tunesmith.search.cmaes import CMAESSearcher
from tunesmith.search.combine import ChainSearcher
from tunesmith.search.de import DESearcher
from tunesmith.search.dehb import DEHBSearcher
from tunesmith.search.explore import ExploreSearcher
from tunesmith.search.forest import ForestSearcher
from tunesmith.search.genetic import GeneticSearcher
from tunesmith.search.gp import GPSearcher
from tunesmith.search.gradient import GradientSearcher
from tunesmith.search.grid import GridSearcher
from tunesmith.search.local import LocalSearcher
from tunesmith.search.manual import ManualSearcher
from tunesmith.search.nsga2 import NSGA2Searcher
from tunesmith.search.nsga3 import NSGA3Searcher
from tunesmith.search.pb2 import PB2Searcher
from tunesmith.search.policy import PolicySearcher
from tunesmith.search.pso import PSOSearcher
from tunesmith.search.qmc import QMCSearcher
from tunesmith.search.random import RandomSearcher
from tunesmith.search.replicate import ReplicatingSearcher
from tunesmith.search.smac import SMACSearcher
from tunesmith.search.tpe import TPESearcher
from tunesmith.testing.searcher_laws import SearcherLaws


class TestManual(SearcherLaws):
    searcher = ManualSearcher


class TestGrid(SearcherLaws):
    searcher = GridSearcher


class TestShuffledGrid(SearcherLaws):
    searcher = GridSearcher(resolution=3, shuffle=True)


class TestRandom(SearcherLaws):
    searcher = RandomSearcher


class TestQMC(SearcherLaws):
    searcher = QMCSearcher


class TestHalton(SearcherLaws):
    searcher = QMCSearcher(sequence="halton", scramble=False)


class TestTPE(SearcherLaws):
    searcher = TPESearcher


class TestGradient(SearcherLaws):
    searcher = GradientSearcher


class TestModelledGradient(SearcherLaws):
    searcher = GradientSearcher(model=True)
    n_trials = 10


class TestBandit(SearcherLaws):
    searcher = BanditSearcher(
        (QMCSearcher(), TPESearcher(n_startup=3), RandomSearcher()), floor=(0.2, 0.1, 0.0)
    )


class TestChain(SearcherLaws):
    searcher = ChainSearcher((QMCSearcher(), TPESearcher(n_startup=3)), (6,))


class TestChainOfGrids(SearcherLaws):
    searcher = ChainSearcher((GridSearcher(resolution=2), GridSearcher(resolution=3)), (None,))


class TestChainThatDoesNotLearn(SearcherLaws):
    searcher = ChainSearcher((RandomSearcher(), ManualSearcher()), (7,))


class TestPolicy(SearcherLaws):
    searcher = PolicySearcher(window=8, every=4)
    n_trials = 16


class TestForest(SearcherLaws):
    searcher = ForestSearcher(n_startup=4, trees=8, rounds=3, starts=3, neighbours=8, interleave=0.1)
    n_trials = 10


class TestCMAES(SearcherLaws):
    searcher = CMAESSearcher(population=5)


class TestNoisyCMAES(SearcherLaws):
    searcher = CMAESSearcher(population=4, adapt_rates=True, separable=True, restarts=None)


class TestGenetic(SearcherLaws):
    searcher = GeneticSearcher(population=6)


class TestAgeing(SearcherLaws):
    searcher = GeneticSearcher(population=6, ageing=True)


class TestNSGA2(SearcherLaws):
    searcher = NSGA2Searcher(population=6)


class TestNSGA3(SearcherLaws):
    searcher = NSGA3Searcher(population=6)


class TestGP(SearcherLaws):
    searcher = GPSearcher(n_startup=3, candidates=16, ascents=1, fantasies=2)
    n_trials = 7


class TestDE(SearcherLaws):
    searcher = DESearcher(population=5)


class TestClassicDE(SearcherLaws):
    searcher = DESearcher(population=4, strategy="rand")


class TestPSO(SearcherLaws):
    searcher = PSOSearcher(population=5)


class TestLocal(SearcherLaws):
    searcher = LocalSearcher(n_startup=2, shortest=0.05)  # so that it starts anew, too


class TestPB2(SearcherLaws):
    searcher = PB2Searcher(interval=1, n_startup=4)
    n_trials = 12


class TestExplore(SearcherLaws):
    searcher = ExploreSearcher(near=0.5)


class TestAuto(SearcherLaws):
    searcher = AutoSearcher(
        (GPSearcher(n_startup=3, candidates=16, ascents=1), TPESearcher(n_startup=2), CMAESSearcher()),
        (
            (2, (("seen", 6, None), ("numeric", 1, None)), "numbers"),
            (1, (("seen", 4, None),), "many trials"),
            (0, (("conditional", 0, None), ("objectives", 1, None), ("numeric", 0, None)), "few trials"),
        ),
    )
    n_trials = 9


class TestReplicating(SearcherLaws):
    searcher = ReplicatingSearcher(TPESearcher(n_startup=3), 3)


class TestBOHB(SearcherLaws):
    searcher = BOHBSearcher


class TestDEHB(SearcherLaws):
    searcher = DEHBSearcher


class TestSMAC(SearcherLaws):
    searcher = SMACSearcher(trees=6, n_startup=4)
    n_trials = 8

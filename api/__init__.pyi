# The public names and where they are: for type checkers and editors, and for the lazy imports of __init__.py.
from .benchmark.errors import InputError as InputError
from .benchmark.errors import MissingFile as MissingFile
from .benchmark.files.kernel_bank import Bank as Bank
from .benchmark.metrics.base import metric as metric
from .benchmark.metrics.fidelity.psnr_ssim import psnr as psnr
from .benchmark.metrics.fidelity.psnr_ssim import ssim as ssim
from .benchmark.outputs import Outputs as Outputs
from .benchmark.parallel import Workers as Workers
from .benchmark.reporter import Reporter as Reporter
from .benchmark.scoring.score import score as score
from .benchmark.scoring.table import Scores as Scores
from .benchmark.sets.set import Set as Set
from .benchmark.sets.set import read_set as read_set
from .benchmark.statistics.comparison import Comparisons as Comparisons
from .benchmark.statistics.comparison import compare as compare
from .benchmark.whole_set.parsing import Parsing as Parsing
from .benchmark.whole_set.parsing import parse as parse
from .benchmark.whole_set.recognition import Recognition as Recognition
from .benchmark.whole_set.recognition import recognise as recognise
from .generators.align.photo import Finders as Finders
from .generators.align.quality import Limits as Limits
from .generators.align.run import align as align
from .generators.blur.convolve import blur as blur
from .generators.build import build as build
from .generators.kernels.bank import kernels as kernels
from .generators.photos.collection import Selection as Selection
from .generators.video.frames import frames as frames
from .generators.video.spec import FrameSpec as FrameSpec
from .methods.base import method as method
from .methods.running.execution import Execution as Execution
from .methods.running.runner import run as run
from .reports.leaderboard.table import leaderboard as leaderboard
from .reports.page.report import report as report
from .reports.tables.table import tables as tables

__version__: str

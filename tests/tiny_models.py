"""Tiny language models with drawn weights, made on the spot: real code, no network."""

from pathlib import Path

CHARACTERS = [chr(code) for code in range(32, 127)]


def tiny_bert(folder: Path, *, seed: int = 0) -> Path:
    """A two-layer BERT that reads characters, in the folder layout of the hub."""
    import torch
    from transformers import BertConfig, BertModel

    torch.manual_seed(seed)
    tokenizer = _characters(["[PAD]", "[UNK]", "[CLS]", "[SEP]"], framed=True)
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=64,
    )
    return _saved(BertModel(config), tokenizer, folder)


def tiny_gpt(folder: Path, *, seed: int = 0, whole_numbers: bool = False) -> Path:
    """A one-layer GPT-2 that writes digit by digit, or 0 to 100 as single tokens.

    It pads with nothing, as GPT-2 does.
    """
    import torch
    from transformers import GPT2Config, GPT2LMHeadModel

    torch.manual_seed(seed)
    more = [str(number) for number in range(10, 101)] if whole_numbers else []
    tokenizer = _characters(["<end>"], framed=False, more=more)
    config = GPT2Config(
        vocab_size=len(tokenizer),
        n_embd=16,
        n_layer=1,
        n_head=2,
        n_positions=1024,
        bos_token_id=0,
        eos_token_id=0,
        initializer_range=0.5,  # so that some tokens are likelier than others
    )
    return _saved(GPT2LMHeadModel(config), tokenizer, folder)


def _characters(special: list[str], *, framed: bool, more: list[str] | None = None):  # type: ignore[no-untyped-def]
    from tokenizers import (
        Regex,
        Tokenizer,
        decoders,
        models,
        pre_tokenizers,
        processors,
    )
    from transformers import PreTrainedTokenizerFast

    words = [*special, *CHARACTERS, "\n", *(more or [])]
    vocabulary = {word: k for k, word in enumerate(words)}
    made = Tokenizer(models.WordLevel(vocabulary, unk_token=special[-1]))
    pattern = r"100|[1-9][0-9]|[\s\S]" if more else r"[\s\S]"
    made.pre_tokenizer = pre_tokenizers.Split(Regex(pattern), "isolated")
    made.decoder = decoders.Fuse()
    if not framed:
        return PreTrainedTokenizerFast(tokenizer_object=made, eos_token=special[0])
    made.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        special_tokens=[("[CLS]", vocabulary["[CLS]"]), ("[SEP]", vocabulary["[SEP]"])],
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=made,
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        model_max_length=64,
    )


def _saved(model, tokenizer, folder: Path) -> Path:  # type: ignore[no-untyped-def]
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder

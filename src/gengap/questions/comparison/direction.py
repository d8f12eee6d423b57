"""Whether larger is better, from what people call their scores.

The last telling word of a name decides, as in English: a ``dice_loss`` is a loss and a ``success
time`` a time. ``neg_log_loss`` and ``1 - accuracy`` turn round. Words such as "score" tell only
where no other does. What no word tells is not guessed.
"""

from __future__ import annotations

import re

from gengap.base.errors import UsageError


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


LOSSES = _words("""
    loss logloss losses error errors err mistake mistakes misclassification misclassified failure
    failures fail failed false mse rmse msle rmsle mae mape smape nmse nrmse medae sse rss residual
    residuals deviance nll bpc bpb bpd perplexity ppl entropy crossentropy xent ce wer cer eer hter
    fpr fnr fdr far frr ece mce tce brier crps pinball quantile regret regrets cost costs risk
    penalty penalties violation violations collision collisions crash crashes fid kid kl divergence
    emd wasserstein chamfer hausdorff distance lpips latency time times runtime seconds secs ms
    duration delay gap degradation drop forgetting aic bic mmd discrepancy overhead
""")
SCORES = _words("""
    accuracy acc top1 top5 auc auroc aucs roc aupr auprc prauc ap map precision recall sensitivity
    specificity tpr tnr ppv npv f1 f2 fscore fbeta fmeasure microf1 macrof1 r2 rsquared correlation
    corr pearson spearman kendall kappa qwk mcc gini jaccard iou miou dice ndcg dcg mrr hit hits
    bleu sacrebleu rouge meteor chrf comet bleurt bertscore cider spice psnr ssim likelihood loglik
    loglikelihood elbo reward rewards return returns success successes solved pass passed win wins
    winrate won elo utility profit gain gains lift agreement nmi ari ami purity silhouette correct
    true exact em match matches throughput fps speedup survival concordance cindex
""")
PLAIN = _words("score scores performance points quality skill grade grades rating mark")
TURNS = frozenset(("neg", "negative", "negated", "minus"))
WORDS = re.compile(r"[a-zA-Z]+\d*|\d+")
CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
COMPLEMENT = re.compile(r"^\s*(1|one)\s*[-−–_ ]\s*(minus\s*[-_ ]?)?\D", re.I)


class UnknownDirection(UsageError):
    """Nothing tells whether larger scores are better."""

    def __init__(self, metric: str) -> None:
        self.metric = metric
        super().__init__(
            f"Whether higher or lower is better cannot be told from the name {metric!r}; add "
            "--higher-is-better or --lower-is-better (in Python, higher_is_better=)."
        )


def higher_is_better(metric: str) -> bool | None:
    """Whether larger is better of scores of this name; None where no word tells.

    Example:
        >>> [higher_is_better(name) for name in ("test_loss", "valF1", "neg_log_loss", "result")]
        [False, True, True, None]
    """
    plain = metric.replace("^", "")
    words = [word.lower() for word in WORDS.findall(CAMEL.sub(" ", plain))]
    # mIoU is one word, trainLoss two.
    words = words if any(map(_known, words)) else WORDS.findall(plain.lower())
    told = [found for word in words if (found := _tells(word)) is not None]
    if not told:
        return True if any(word in PLAIN for word in words) else None
    turned = sum(word in TURNS for word in words) % 2 == 1 or bool(COMPLEMENT.match(metric))
    return told[-1] != turned


def _known(word: str) -> bool:
    return word in PLAIN or _tells(word) is not None


def _tells(word: str) -> bool | None:
    """What a word says by itself, with or without a number behind it (fpr95, hits10)."""
    for form in (word, word.rstrip("0123456789")):
        if form in SCORES:
            return True
        if form in LOSSES:
            return False
    return None

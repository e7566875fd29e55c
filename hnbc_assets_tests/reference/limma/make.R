# Expected values of the moderated t-test. Run in this folder: Rscript make.R
suppressMessages(library(limma))
set.seed(20250101)
n_genes <- 120
n_samples <- 20
genes <- sprintf("g%03d", seq_len(n_genes))
samples <- sprintf("s%02d", seq_len(n_samples))
group <- rep(c(0, 1), c(8, 12))
er <- c(0, 0, 1, 1, 1, 0, 1, 1, 0, 1, 0, 0, 1, 0, 0, 1, 0, 1, 0, 0)
age <- round(rnorm(n_samples, 55, 10), 1)

draw <- function(sd, mean = runif(n_genes, 3, 12)) {
  x <- matrix(rnorm(n_genes * n_samples), n_genes) * sd + mean + outer(rnorm(n_genes, 0, 0.4), group) +
    outer(rnorm(n_genes, 0, 0.2), er)
  x <- round(x, 6)
  dimnames(x) <- list(genes, samples)
  x
}

# variances that differ between genes; two genes without variance
varied <- draw(sqrt(0.3 / rchisq(n_genes, 4) * 4))
varied[7, ] <- 5
varied[8, ] <- varied[8, 1]

# the same with values missing at random and by design
missing <- varied
missing[sample(length(missing), 150)] <- NA
missing[1, ] <- NA                          # never observed
missing[2, -3] <- NA                        # one sample
missing[3, group == 1] <- NA                # one group
missing[4, -c(1, 20)] <- NA                 # one sample of each group: no residual degree of freedom
missing[5, er != group] <- NA               # ER and group the same division of what is left
missing[6, group == 1][-1] <- NA            # one sample of a group

# variances that differ no more than sampling explains: an infinite prior d0
repeat {
  equal <- draw(0.5)
  d0 <- function(design, trend) eBayes(lmFit(equal, design), trend = trend)$df.prior[1]
  if (is.infinite(d0(cbind(1, group), FALSE)) && is.infinite(d0(cbind(1, er, group), TRUE))) break
}

# variance that follows average expression
mean <- runif(n_genes, 3, 12)
following <- draw(exp(0.8 - 0.25 * mean) * sqrt(20 / rchisq(n_genes, 20)), mean)
following_missing <- following
following_missing[sample(length(following), 150)] <- NA
following_missing[which.max(mean), -c(1, 20)] <- NA    # no residual degree of freedom, beyond the others' averages

plain <- cbind(1, group)
adjusted <- cbind(1, er, group)
both <- cbind(1, er, age, group)
cases <- list(
  plain = list("varied", plain, FALSE),
  one_covariate = list("varied", adjusted, FALSE),
  two_covariates = list("varied", both, FALSE),
  missing = list("missing", plain, FALSE),
  missing_one_covariate = list("missing", adjusted, FALSE),
  infinite_prior = list("equal", plain, FALSE),
  infinite_prior_trend = list("equal", adjusted, TRUE),
  trend = list("following", plain, TRUE),
  trend_one_covariate = list("following", adjusted, TRUE),
  trend_missing = list("following_missing", adjusted, TRUE)
)

text <- function(v) ifelse(is.na(v), "", sprintf("%.17g", v))
data <- list(varied = varied, missing = missing, equal = equal, following = following,
             following_missing = following_missing)
for (name in names(data)) {
  x <- data[[name]]
  table <- data.frame(gene = genes, apply(x, 2, text), check.names = FALSE)
  write.table(table, paste0(name, ".tsv"), sep = "\t", quote = FALSE, row.names = FALSE)
}
write.table(data.frame(sample = samples, group, er, age), "samples.tsv", sep = "\t", quote = FALSE, row.names = FALSE)

expected <- do.call(rbind, lapply(names(cases), function(name) {
  case <- cases[[name]]
  fit <- suppressWarnings(eBayes(lmFit(data[[case[[1]]]], case[[2]]), trend = case[[3]]))
  k <- ncol(case[[2]])
  data.frame(
    case = name, data = case[[1]], n_covariates = k - 2, trend = case[[3]], gene = genes,
    effect = text(fit$coefficients[, k]),
    standard_error = text(fit$stdev.unscaled[, k] * sqrt(fit$s2.post)),
    t = text(fit$t[, k]), p_value = text(fit$p.value[, k]), average = text(fit$Amean),
    residual_sd = text(fit$sigma),
    prior_df = text(rep_len(fit$df.prior, n_genes)), prior_variance = text(rep_len(fit$s2.prior, n_genes))
  )
}))
write.table(expected, "expected.tsv", sep = "\t", quote = FALSE, row.names = FALSE)

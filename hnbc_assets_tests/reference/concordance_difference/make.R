# Expected values for the difference of two concordances. Run in this folder: Rscript make.R
suppressMessages(library(survival))
RNGversion("4.2.0")
set.seed(20250717)
n <- 400
truth <- rnorm(n)
published <- round(truth + rnorm(n, sd = 1.2), 1)
challenger <- round(truth + rnorm(n, sd = 0.8), 1)
time <- 7 * (1 + floor(rexp(n, exp(0.7 * truth) / 60)))
event <- as.integer(runif(n) < 0.5)
full <- function(frame, file) write.csv(format(frame, digits = 15, trim = TRUE), file, row.names = FALSE, quote = FALSE)
write.csv(data.frame(published, challenger, time, event), "patients.csv", row.names = FALSE)
y <- Surv(time, event)
as_is <- function(score) coxph(y ~ score, init = 1, iter.max = 0)  # its linear predictor is the score itself
both <- concordance(as_is(published), as_is(challenger))
alone <- c(concordance(y ~ published, reverse = TRUE)$concordance, concordance(y ~ challenger, reverse = TRUE)$concordance)
stopifnot(all.equal(unname(coef(both)), alone, tolerance = 1e-14))
contrast <- c(-1, 1)
full(data.frame(c_published = coef(both)[[1]], c_challenger = coef(both)[[2]],
                difference = sum(contrast * coef(both)),
                standard_error = sqrt(drop(contrast %*% vcov(both) %*% contrast))), "expected.csv")

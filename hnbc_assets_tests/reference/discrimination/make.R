# Expected values for concordance and time-dependent AUC. Run in this folder: Rscript make.R
suppressMessages({library(survival); library(riskRegression)})
RNGversion("4.2.0")
set.seed(20250104)
n <- 160
score <- round(rnorm(n), 1)
time <- 7 * (1 + floor(rexp(n, exp(0.6 * score) / 60)))
event <- as.integer(runif(n) < 0.55)
full <- function(frame, file) write.csv(format(frame, digits = 15, trim = TRUE), file, row.names = FALSE, quote = FALSE)
write.csv(data.frame(score, time, event), "patients.csv", row.names = FALSE)
y <- Surv(time, event)
at <- c(100, 200, 365)
auc <- Score(list(score = score), formula = Surv(time, event) ~ 1, data = data.frame(time, event), times = at,
             metrics = "auc", cens.model = "km", se.fit = FALSE)$AUC$score
full(data.frame(metric = c("harrell", "uno", "uno", rep("auc", length(at))),
                time_days = c(NA, NA, 300, at),
                expected = c(concordance(y ~ score, reverse = TRUE)$concordance,
                             concordance(y ~ score, reverse = TRUE, timewt = "n/G2")$concordance,
                             concordance(y ~ score, reverse = TRUE, timewt = "n/G2", ymax = 300)$concordance,
                             auc$AUC)), "expected.csv")

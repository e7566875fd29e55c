# Expected values for curves, tests and the multivariable model. Run in this folder: Rscript make.R
suppressMessages(library(survival))
RNGversion("4.2.0")
set.seed(20250103)
n <- 150
x <- round(matrix(rnorm(n * 4), n, 4, dimnames = list(NULL, c("A", "B", "C", "D"))), 3)
time <- 7 * (1 + floor(rexp(n, exp(0.5 * x[, 1] - 0.4 * x[, 2]) / 60) ^ 1.1))
event <- as.integer(runif(n) < 0.6)
group <- ifelse(x[, 1] + rnorm(n) > 0, "high", "low")
full <- function(frame, file) write.csv(format(frame, digits = 15, trim = TRUE), file, row.names = FALSE, quote = FALSE)
write.csv(data.frame(time, event, group, x), "patients.csv", row.names = FALSE, quote = FALSE)

curve <- survfit(Surv(time, event) ~ group, conf.type = "log-log")
full(data.frame(group = rep(c("high", "low"), curve$strata), time = curve$time, survival = curve$surv,
                ci_lower = curve$lower, ci_upper = curve$upper, at_risk = curve$n.risk), "curves.csv")
test <- survdiff(Surv(time, event) ~ group)
# Median follow-up: at a tied time the event comes first, so events are put just before it.
follow <- survfit(Surv(ifelse(event == 1, time - 0.5, time), 1 - event) ~ 1)
full(data.frame(log_rank = test$chisq, log_rank_p = pchisq(test$chisq, 1, lower.tail = FALSE),
                median_follow_up = unname(summary(follow)$table["median"])), "tests.csv")
fit <- coxph(Surv(time, event) ~ x, ties = "efron", control = coxph.control(eps = 1e-14, toler.chol = 1e-15, iter.max = 100))
s <- summary(fit)
full(data.frame(gene = colnames(x), s$coefficients[, c(1, 3, 5)], s$conf.int[, 3:4]), "multivariable.csv")
zph <- cox.zph(fit, transform = "km", terms = FALSE)$table
full(data.frame(gene = c(colnames(x), "GLOBAL"), zph), "proportional_hazards.csv")

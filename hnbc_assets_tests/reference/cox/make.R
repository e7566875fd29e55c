# Expected values for the univariate Cox screen. Run in this folder: Rscript make.R
suppressMessages(library(survival))
RNGversion("4.2.0")
set.seed(20250101)
n <- 120
p <- 100
x <- matrix(round(rnorm(n * p, sd = rep(exp(rnorm(p)), each = n)), 2), n, p)
x[, 1:10] <- round(x[, 1:10] + 8, 2)
x[sample(length(x), 200)] <- NA
colnames(x) <- sprintf("G%03d", seq_len(p))
hazard <- exp(0.8 * scale(x[, 2])[, 1] - 0.5 * scale(x[, 3])[, 1])
hazard[is.na(hazard)] <- 1
# Weeks, so that events and censorings are tied among and with each other.
time <- 7 * (1 + floor(rexp(n, hazard / 40)))
event <- as.integer(runif(n) < 0.6)
fits <- t(apply(x, 2, function(g) {
  fit <- coxph(Surv(time, event) ~ g, ties = "efron", control = coxph.control(eps = 1e-14, toler.chol = 1e-15, iter.max = 100))
  s <- summary(fit)
  c(s$coefficients[1, c(1, 3, 4, 5)], s$conf.int[1, 3:4])
}))
colnames(fits) <- c("coefficient", "standard_error", "z", "p_value", "ci_lower", "ci_upper")
write.csv(data.frame(time, event, x), "patients.csv", row.names = FALSE)
write.csv(format(data.frame(gene = colnames(x), fits), digits = 15, trim = TRUE), "expected.csv", row.names = FALSE, quote = FALSE)

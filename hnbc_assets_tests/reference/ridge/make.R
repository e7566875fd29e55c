# Expected values for hnbc_assets_tests/drugs: ridge regression with an unpenalised intercept at a fixed penalty.
# Run in this folder: Rscript make.R
set.seed(20250101)
lambda <- 25
n <- 40; p <- 90; new <- 5
round6 <- function(x) round(x, 6)
lines <- matrix(round6(rnorm(n * p, 6, 1.5)), n, p, dimnames = list(paste0("L", 1:n), paste0("G", 1:p)))
patients <- matrix(round6(rnorm(new * p, 5, 1)), new, p, dimnames = list(paste0("P", 1:new), paste0("G", 1:p)))
effects <- matrix(rnorm(p * 3, 0, .2), p, 3)
response <- round6(lines %*% effects + matrix(rnorm(n * 3), n, 3))
colnames(response) <- c("complete", "most", "few")
response[sample(n, 9), "most"] <- NA
response[sample(n, 26), "few"] <- NA

closed_form <- function(x, y) {
  centre <- colMeans(x)
  xc <- sweep(x, 2, centre)
  w <- solve(crossprod(xc) + lambda * diag(ncol(x)), crossprod(xc, y - mean(y)))
  c(mean(y) - sum(centre * w), w)
}
# MASS::lm.ridge scales each gene to mean square 1: on genes so scaled beforehand, it is the same estimator
by_mass <- function(x, y) {
  centre <- colMeans(x)
  xc <- sweep(x, 2, centre)
  size <- sqrt(colMeans(xc^2))
  fit <- MASS::lm.ridge(y ~ scaled, list(y = y, scaled = sweep(xc, 2, size, "/")), lambda = lambda)
  coef(fit)[-1]
}
expected <- NULL
for (drug in colnames(response)) {
  known <- !is.na(response[, drug])
  x <- lines[known, ]; y <- response[known, drug]
  xc <- sweep(x, 2, colMeans(x))
  scaled <- sweep(xc, 2, sqrt(colMeans(xc^2)), "/")
  stopifnot(max(abs(closed_form(scaled, y)[-1] - by_mass(x, y))) < 1e-9)
  w <- closed_form(x, y)
  left_out <- sapply(seq_along(y), function(i) {
    v <- closed_form(x[-i, ], y[-i])
    v[1] + sum(x[i, ] * v[-1])
  })
  from_others <- (sum(y) - y) / (length(y) - 1)
  quality <- c(cv_r2 = 1 - sum((y - left_out)^2) / sum((y - from_others)^2),
               cv_pearson = cor(left_out - from_others, y - from_others))
  predicted <- w[1] + patients %*% w[-1]
  expected <- rbind(expected, data.frame(drug = drug, item = c(rownames(patients), names(quality)),
                                         value = c(predicted, quality)))
}
write.csv(format(t(lines), digits = 15), "lines.csv", quote = FALSE)
write.csv(format(t(patients), digits = 15), "patients.csv", quote = FALSE)
write.csv(response, "ln_ic50.csv", quote = FALSE)
expected$value <- format(expected$value, digits = 15)
write.csv(expected, "expected.csv", quote = FALSE, row.names = FALSE)

# Expected values for the cross-validated LASSO-Cox path. Run in this folder: Rscript make.R
suppressMessages({library(survival); library(glmnet)})
RNGversion("4.2.0")
set.seed(20250102)
n <- 180
p <- 40
x <- matrix(rnorm(n * p), n, p)
x <- round(x %*% chol(0.3 ^ abs(outer(seq_len(p), seq_len(p), "-"))) %*% diag(exp(rnorm(p, sd = 0.5))), 3)
colnames(x) <- sprintf("G%02d", seq_len(p))
hazard <- exp(drop(scale(x[, c(1, 5, 9, 13)]) %*% c(0.5, -0.4, 0.35, 0.3)))
time <- 7 * (1 + floor(rexp(n, hazard / 60)))
event <- as.integer(runif(n) < 0.55)
folds <- integer(n)
for (e in 0:1) folds[event == e] <- sample(rep(1:5, length.out = sum(event == e)))
# At a tied time events come first. glmnet means to see to it, by adding 2e-14 to the times of censored patients, which
# is lost in times above 128; so censored patients are put half a day later here.
y <- Surv(time + 0.5 * (1 - event), event)
glmnet.control(fdev = 0)
# The grid is given, for otherwise every fold has its own and coefficients are interpolated.
grid <- glmnet(x, y, family = "cox", thresh = 1e-14, maxit = 1e7)$lambda
fit <- cv.glmnet(x, y, family = "cox", foldid = folds, lambda = grid, thresh = 1e-14, maxit = 1e7)
write.csv(data.frame(time, event, fold = folds - 1, x), "patients.csv", row.names = FALSE)
write.csv(format(data.frame(lambda = fit$lambda, cvm = fit$cvm, cvsd = fit$cvsd,
                            t(as.matrix(fit$glmnet.fit$beta))), digits = 15, trim = TRUE),
          "path.csv", row.names = FALSE, quote = FALSE)
write.csv(format(data.frame(lambda_min = fit$lambda.min, lambda_1se = fit$lambda.1se), digits = 15, trim = TRUE), "chosen.csv",
          row.names = FALSE, quote = FALSE)

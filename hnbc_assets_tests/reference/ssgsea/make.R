# Expected values of ssGSEA. Run in this folder: Rscript make.R
suppressMessages(library(GSVA))
set.seed(20250101)
n_genes <- 150
n_patients <- 10
genes <- sprintf("g%03d", seq_len(n_genes))
patients <- sprintf("p%02d", seq_len(n_patients))
distinct <- matrix(round(rnorm(n_genes * n_patients, 6, 2), 6), n_genes, dimnames = list(genes, patients))
tied <- round(pmax(distinct, 4), 1)                # many at the bottom, some above
missing <- tied
missing[sample(length(missing), 120)] <- NA
sets <- list(
  small = sample(genes, 5),
  medium = sample(genes, 20),
  large = sample(genes, 70),
  lone = "g042",
  partly_measured = c(sample(genes, 8), "not_measured_1", "not_measured_2"),
  overlapping = genes[1:30]
)
score <- function(x, tau = 0.25, norm = FALSE)  {
  capture.output(s <- suppressWarnings(gsva(x, sets, method = "ssgsea", tau = tau, ssgsea.norm = norm, verbose = FALSE)))
  s <- s[match(names(sets), rownames(s)), , drop = FALSE]    # GSVA leaves out a set without genes
  rownames(s) <- names(sets)
  s
}
# a patient's missing genes are taken out before GSVA sees the patient (twice, as GSVA wants more than one column)
observed_only <- function(x) {
  columns <- lapply(patients, function(p) {
    v <- x[!is.na(x[, p]), p]
    score(cbind(v, v))[, 1]
  })
  matrix(unlist(columns), length(sets), dimnames = list(names(sets), patients))
}
cases <- list(
  distinct = score(distinct), tied = score(tied), tied_alpha_0 = score(tied, 0), tied_alpha_1 = score(tied, 1),
  tied_normalised = score(tied, norm = TRUE), missing = observed_only(missing)
)
text <- function(v) ifelse(is.na(v), "", sprintf("%.17g", v))
for (name in c("distinct", "tied", "missing")) {
  table <- data.frame(gene = genes, apply(get(name), 2, text))
  write.table(table, paste0(name, ".tsv"), sep = "\t", quote = FALSE, row.names = FALSE)
}
lines <- vapply(names(sets), function(n) paste(c(n, "", sets[[n]]), collapse = "\t"), "")
writeLines(lines, "sets.gmt")
expected <- do.call(rbind, lapply(names(cases), function(n) {
  s <- cases[[n]]
  data.frame(case = n, set = rownames(s)[row(s)], patient = patients[col(s)], score = text(c(s)))
}))
write.table(expected, "expected.tsv", sep = "\t", quote = FALSE, row.names = FALSE)

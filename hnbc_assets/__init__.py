"""A living study of anoikis-related genes, chemotherapy resistance and prognosis in HER2-negative breast cancer."""

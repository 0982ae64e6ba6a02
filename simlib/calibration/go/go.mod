module churn

go 1.23

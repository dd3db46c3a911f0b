"""Jobs: fits, forecasts and backtests of uploads, each in a process of its own that can be ended."""

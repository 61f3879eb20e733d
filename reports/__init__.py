"""Reports: leaderboard, plots, gallery and the HTML page."""

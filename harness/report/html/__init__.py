"""``report.html``: one page with charts that can be asked, which needs no network and lets nothing into itself."""

# make run     the page with the demo case, on this machine only
# make test    every test, the page in a real browser among them
# make retrain a small network from real films, in some ten minutes, against the figure in the README
# make bench   how fast the engine and the page are on this machine, against their bars
# make browser every test of the page, the long ones among them
# make check   layout, faults, types, and which part may know which
#
# make run DATA=folder   offers the cases below that folder too
# make run PORT=8600     serves on another port

PORT ?= 8501
SUITABLE := import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))
FOUND = $(shell for p in python3 python3.13 python3.12 python3.11 python; do \
	$$p -c '$(SUITABLE)' 2>/dev/null && echo $$p && exit; done)
PYTHON ?= $(or $(FOUND),$(error Mammoview needs Python 3.11 to 3.13: install one of them and try again))
VENV := .venv/bin/python

.PHONY: run test browser retrain bench bench-page check

run:
	@$(PYTHON) tools/install.py
	@$(MAKE) --no-print-directory .demo
	@echo "Mammoview is starting: open http://127.0.0.1:$(PORT)/?case=demo in a browser; Ctrl+C ends it."
	@MAMMOVIEW_DATA="$(DATA)" $(VENV) -m streamlit run app.py --server.port=$(PORT)

# Written aside and moved into place, so that an interrupted start leaves no half case.
.demo: $(wildcard mammoview/phantom.py mammoview/phantom/*.py)
	@echo "Making the demo case, a synthetic one with known lesions (some seconds, only once) …"
	@rm -rf .demo .demo.part
	@$(VENV) -m mammoview phantom --out .demo.part
	@mv .demo.part .demo && touch .demo

test:
	@$(PYTHON) tools/install.py --dev
	@$(VENV) tools/browser.py --prepare || true
	@$(VENV) -m pytest

browser:
	@$(PYTHON) tools/install.py --dev
	@$(VENV) tools/browser.py --prepare || true
	@$(VENV) -m pytest tests/browser -m "long or not long"

bench-page:
	@$(PYTHON) tools/install.py --dev
	@$(VENV) tools/browser.py --prepare || true
	@$(VENV) tools/bench_page.py

retrain:
	@$(PYTHON) tools/install.py --dev
	@MAMMOVIEW_RETRAIN=1 $(VENV) -m pytest tests/test_retraining.py

bench:
	@$(PYTHON) tools/install.py --bench
	@$(VENV) tools/browser.py --prepare || true
	@mkdir -p out
	@kept=0; $(VENV) -m mammoview bench --json out/bench-engine.json || kept=1; \
	$(VENV) tools/bench_page.py --json out/bench-page.json || kept=1; exit $$kept

check:
	@$(PYTHON) tools/install.py --dev
	$(VENV) -m ruff format --check .
	$(VENV) -m ruff check .
	$(VENV) -m mypy
	$(VENV) -c "from importlinter.cli import lint_imports_command; lint_imports_command()"

"""Entry point of the page: streamlit run app.py."""

from mammoview.ui.page import main

main()

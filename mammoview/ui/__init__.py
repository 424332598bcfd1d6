"""The page. Streamlit is known here and nowhere else."""

"""Tests of the GitHub Action: its steps are run, with the API of GitHub and the harness made up."""

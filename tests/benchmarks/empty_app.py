"""What Flask itself takes: one route that answers nothing."""

from flask import Flask

app = Flask(__name__)


@app.get("/")
def empty() -> str:
    return ""

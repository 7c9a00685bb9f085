"""What every test can ask for; each subject in its own file."""

pytest_plugins = [
    "tests.engines",
    "tests.cast",
    "tests.demo_scene",
    "tests.services.courses",
    "tests.browser",
    "tests.running",
]

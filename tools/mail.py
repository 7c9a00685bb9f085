"""The mail catcher of `make run`: `flask demo mail` without the app around it, which it does not need to start."""

import asyncio

import config
from scheduler.clock import Clock
from scheduler.demo.mail_catcher import catch, folder_of
from tools.places import answer


def main() -> int:
    settings = config.load()
    clock = Clock(settings.clock_file)
    print(f"catching mail on port {settings.smtp.port}", flush=True)
    asyncio.run(catch(folder_of(settings.instance_path), settings.smtp.host, settings.smtp.port, clock.now))
    return 0


if __name__ == "__main__":
    answer(main)

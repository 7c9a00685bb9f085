def receive(app):
    result = app.test_cli_runner().invoke(args=["mail", "receive"], input=b"Subject: hello\r\n\r\nhello")
    return result.exit_code, result.output


def test_a_mail_from_standard_input_is_taken_in(app, harbor):
    assert receive(app) == (0, "for a person\n")


def test_before_the_first_clinic_a_mail_is_left_alone(app):
    assert receive(app) == (0, "no clinic yet\n")

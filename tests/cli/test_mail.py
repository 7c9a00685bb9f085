def test_a_mail_from_standard_input_is_taken_in(app):
    result = app.test_cli_runner().invoke(args=["mail", "receive"], input=b"Subject: hello\r\n\r\nhello")

    assert (result.exit_code, result.output) == (0, "not for us\n")

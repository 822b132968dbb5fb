"""The Language service: client, authentication, payloads and replies of both API generations, request budget."""

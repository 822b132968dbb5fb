"""What the stand-ins of Azure's AI services share: messages, transports, faults, the gateway's errors, rate limits."""

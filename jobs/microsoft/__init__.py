"""Microsoft's APIs: Entra sign-in and tokens, Graph, Exchange cmdlets, and their objects' rules."""

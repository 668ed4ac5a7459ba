"""Microsoft's APIs: Entra sign-in and tokens, Graph, Exchange cmdlets, and rules about their objects."""

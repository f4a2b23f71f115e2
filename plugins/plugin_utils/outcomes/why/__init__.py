"""Why a packet went where it went: the rules, translations and routes on its way."""

"""One scenario a module; see `scripts.roost_campaign.step`."""

"""What the control plane says: RIS Live, RIPEstat, Team Cymru, and a small RIB."""

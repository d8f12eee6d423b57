"""Control: levels that agents learn on and are scored on, from logs or by acting, as a problem.

A unit is a start of a level, the episode that was logged from there is its example, and the score
of a trained agent is what it reaches from there. Where all states of a level are few, everything is
compiled into arrays (:mod:`gengap.control.tables`) and scored exactly, without rollouts.
"""

print("no backend yet")

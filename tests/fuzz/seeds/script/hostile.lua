function verify(r)
  while true do pcall(string.rep, "x", 1 << 30) pcall(string.find, ("a"):rep(1000), "a*a*a*b") end
end

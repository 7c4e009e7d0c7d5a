local MAX = 100
local function amount(r) return tonumber(r.text:match("(%d+%.?%d*)") or 0) end
function verify(r)
  if r.prediction == "refund" and amount(r) > MAX then
    return false, string.format("%.2f is too much", amount(r))
  end
  for i, l in ipairs(r.labels) do if l.confidence < 0.1 then return false end end
  local ok, e = pcall(function() error({}) end)
  local t = {} for w in r.text:gmatch("%a+") do t[#t + 1] = w:upper() end
  table.sort(t)
  return not ok and #table.concat(t, ",") > 3
end

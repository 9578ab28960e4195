-- A password that came under the URN of the core schema was stored as it came. What is no hash goes.
UPDATE resources SET secrets = NULL WHERE secrets IS NOT NULL AND secrets NOT LIKE '%$argon2%';

-- What went was never to be there.
SELECT 1;
